import * as z from 'zod/mini';
import { Requester } from '../../amqp/rpc-requester.ts';
import type { Session } from '../../amqp/session.ts';
import type { Properties } from '../../model/message.ts';
import { MAX_TIMER } from '../../model/quantity.ts';
import { errorIn, type RpcReply } from '../../model/rpc.ts';
import { queueName } from '../names.ts';

/** What every call needs. */
export const clientShape = {
  queue: queueName('QUEUE'),
  /** How long a reply may take, in milliseconds. */
  timeout: z._default(z.int().check(z.minimum(1), z.maximum(MAX_TIMER)), 30_000),
  /** True: a request may be served twice, and is sent again when its reply may be lost with the connection. */
  idempotent: z._default(z.boolean(), false),
};

/** What `rpcClient` takes. */
export const RpcClientConfig = z.strictObject(clientShape);
export type RpcClientConfig = z.output<typeof RpcClientConfig>;

/** The properties of a request: those that lead its reply back are not the caller's business. */
export type RequestProperties = Omit<Properties, 'correlationId' | 'replyTo'>;

/** A client that stays open, for a program that calls when it has something to ask. */
export interface RpcClient {
  /**
   * Sends a request and resolves with its reply. Any number of calls may be under way at once. Requests are transient and expire
   * when nobody waits for their reply any more; each has a message id, by which a server can tell one that comes again.
   *
   * @throws RpcError when the handler failed; Failure `deadline`, `unavailable` when nobody serves the queue or the connection
   * was lost: then nobody knows whether the request was served; `refused`, `data` for a request that cannot be encoded
   */
  readonly call: (body: Buffer | string, properties?: RequestProperties) => Promise<RpcReply>;
  /** Closes the connection; calls without a reply fail. */
  readonly close: () => Promise<void>;
}

/**
 * Connects a client of the servers of a queue.
 *
 * @throws Failure as the connection gives it, and `unavailable` when nobody serves the queue
 */
export async function rpcClient(session: Session, config: RpcClientConfig): Promise<RpcClient> {
  const requester = new Requester(session, config);
  try {
    await requester.connect();
  } catch (error) {
    await requester.close();
    throw error;
  }
  return { call: (body, properties = {}) => callOver(requester, config, body, properties), close: () => requester.close() };
}

/** One call; see {@link RpcClient.call}. */
export async function callOver(
  requester: Requester,
  { queue, timeout }: Pick<RpcClientConfig, 'queue' | 'timeout'>,
  body: Buffer | string,
  properties: RequestProperties,
): Promise<RpcReply> {
  const request = { body: typeof body === 'string' ? Buffer.from(body) : body, properties: { deliveryMode: 1, ...properties }, timeout };
  const reply = await requester.request(request);
  const error = errorIn(reply, queue);
  if (error !== undefined) throw error;
  return reply;
}
