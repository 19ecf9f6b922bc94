import * as z from 'zod/mini';
import { endless, type Session } from '../../amqp/connection/session.ts';
import { Requester } from '../../amqp/rpc/requester.ts';
import { Failure } from '../../model/failure.ts';
import { bytesOf } from '../../model/message/body.ts';
import type { Body, Properties } from '../../model/message/message.ts';
import { errorIn, type RpcReply } from '../../model/rpc.ts';
import { milliseconds, queueName } from '../names.ts';
import { checkedOptions } from '../options.ts';
import { checkedProperties } from '../publish/outgoing.ts';

/** The options of every call. */
export const clientShape = {
  queue: queueName,
  /** Milliseconds that a reply may take. */
  timeout: z._default(milliseconds(), 30_000),
  /** True: a request whose reply may be lost with the connection is sent again, and may be served twice. */
  idempotent: z._default(z.boolean(), false),
};

export const RpcClientConfig = z.strictObject(clientShape);
export type RpcClientConfig = z.output<typeof RpcClientConfig>;

/** The properties of a request, without those that route its reply. */
export type RequestProperties = Omit<Properties, 'correlationId' | 'replyTo'>;

const CallOptions = z.strictObject({
  timeout: z.optional(milliseconds()),
  signal: z.optional(z.custom<AbortSignal>((value) => value instanceof AbortSignal, { error: 'signal must be an AbortSignal' })),
  properties: z.optional(z.custom<RequestProperties>()),
});
export type CallOptions = z.output<typeof CallOptions>;

/** A client that stays open, for a program that calls now and then. */
export interface RpcClient {
  /**
   * Sends a request and resolves with its reply. Any number of calls may be under way at once. Requests are transient and expire
   * with the call's timeout; each has a message id, by which a server can recognise a repeated one.
   *
   * @throws RpcError when the handler failed; Failure `deadline`, `unavailable` when nobody serves the queue or the connection
   * was lost, so that the request may or may not have been served; `refused`; `data` for an invalid body or properties, before anything is sent
   */
  readonly call: (body: Body, options?: CallOptions) => Promise<RpcReply>;
  /** Closes the connection; calls without a reply fail. */
  readonly close: () => Promise<void>;
}

/**
 * Connects a client of the servers of a queue. A lost connection comes back, and never gives up unless the session's config sets a limit; a client that
 * gave up emits `lost`, and rejects every call at once.
 *
 * @throws Failure as the connection gives it, and `unavailable` when nobody serves the queue
 */
export async function rpcClient(session: Session, config: RpcClientConfig): Promise<RpcClient> {
  const requester = new Requester(endless(session), config);
  try {
    await requester.connect();
  } catch (error) {
    await requester.close();
    throw error;
  }
  void requester.stopped.then((failure) => {
    if (!requester.closed && !session.signal.aborted) session.emit({ kind: 'lost', role: 'rpc', failure });
  });
  return {
    call: async (body, options) => {
      const { timeout = config.timeout, signal, properties = {} } = options === undefined ? {} : checkedOptions(CallOptions, options);
      return callOver(requester, { queue: config.queue, timeout, signal }, bytesOf(body), requestProperties(properties));
    },
    close: () => requester.close(),
  };
}

function requestProperties(given: RequestProperties): RequestProperties {
  const properties = checkedProperties(given);
  const own = (['correlationId', 'replyTo'] as const).find((name) => properties[name] !== undefined);
  if (own !== undefined) throw new Failure('data', `a caller cannot set ${own}: it routes the reply`);
  return properties;
}

/** One call; see {@link RpcClient.call}. */
export async function callOver(
  requester: Requester,
  { queue, timeout, signal }: Pick<RpcClientConfig, 'queue' | 'timeout'> & Pick<CallOptions, 'signal'>,
  body: Buffer,
  properties: RequestProperties,
): Promise<RpcReply> {
  const request = { body, properties: { deliveryMode: 1, ...properties }, timeout, signal };
  const reply = await requester.request(request);
  const error = errorIn(reply, queue);
  if (error !== undefined) throw error;
  return reply;
}
