import * as z from 'zod/mini';
import { endless, type Session } from '../../amqp/connection/session.ts';
import { MAX_PREFETCH } from '../../amqp/consumer/config.ts';
import { Publisher } from '../../amqp/publisher/publisher.ts';
import { Callers, isDirect, isReplyAddress, knowsForm } from '../../amqp/rpc/reply-channel.ts';
import { withLastingControl } from '../../amqp/topology/declare.ts';
import { ensure } from '../../amqp/topology/ensure.ts';
import { queueType as typeOf } from '../../amqp/topology/queue-facts.ts';
import { fewOf } from '../../model/event.ts';
import { Failure } from '../../model/failure.ts';
import type { Delivery, Message } from '../../model/message/message.ts';
import { errorReply, type RpcAnswer, RpcError, type ServeCounts } from '../../model/rpc.ts';
import { thrownText } from '../../model/text.ts';
import type { Settlement } from '../../model/verdict.ts';
import { ConsumeConfig, hasEnd } from '../consume/config.ts';
import { withinItsTime } from '../consume/handler-time.ts';
import type { TakeContext } from '../consume/limits.ts';
import { publishWhile } from '../consume/publish-while.ts';
import { take } from '../consume/run.ts';
import { milliseconds, queueName, shortString } from '../names.ts';
import { checkedAnswer } from '../publish/outgoing.ts';
import { queueShape, queueSpec } from '../queue/shape.ts';

/** How requests are served; durations are milliseconds. */
export const serverShape = {
  /** Durable, and declared when it is missing; servers share it. */
  queue: queueName,
  queueType: queueShape.queueType,
  /** Handlers at a time. */
  concurrency: z._default(z.int().check(z.minimum(1), z.maximum(MAX_PREFETCH)), 1),
  /** How long a handler may take for a request; after that, its caller gets an error. */
  handlerTimeout: z.optional(milliseconds()),
  /** How long handlers may continue once the run is stopped. */
  grace: z._default(milliseconds(0), 30_000),
  /** For replies whose handler sets none. */
  replyContentType: z.optional(shortString),
  /** Stop after this many requests. */
  count: z.optional(z.int().check(z.minimum(1))),
  /** Stop after this long without a request. */
  idle: z.optional(milliseconds()),
  /** Stop after this long in any case. */
  timeout: z.optional(milliseconds()),
};

export const RpcServerConfig = z.strictObject(serverShape);
export type RpcServerConfig = z.output<typeof RpcServerConfig>;

/**
 * Serves one request. The caller gets what it throws as an error: an {@link RpcError} with its exit code, anything else with 1. An invalid
 * answer counts as an error too, such as an object without a body, or undefined (an empty reply is `''`). A
 * Failure of the kinds `unfound` and `unexecutable` stops the server instead: it cannot serve anything. The signal is aborted at
 * the time limit of the handler; its answer then no longer counts.
 */
export type RpcHandler = (request: Delivery, context: { readonly signal: AbortSignal }) => Promise<RpcAnswer>;

/** Milliseconds within which an answer is sent without asking whether its caller is still there. */
const SOON = 100;
/** The exit codes of `timeout` of coreutils, then EX_TEMPFAIL and EX_PROTOCOL of sysexits.h. */
const TIMED_OUT = 124;
const LATER = 75;
const REFUSED = 76;

/**
 * Answers the requests of a queue. A request is acknowledged once the broker has its reply, and returns to the queue when the
 * server cannot finish it. An interrupted or terminated run lets handlers finish within the grace, and is then no failure.
 *
 * @throws Failure `refused` for a stream, or a queue of another type than asked for, `deadline`, `unavailable`, and what the handler
 * throws to stop the server
 */
export async function rpcServer(session: Session, config: RpcServerConfig, handler: RpcHandler): Promise<ServeCounts> {
  return new Server(hasEnd(config) ? session : endless(session), config, handler).run();
}

type Answer = ReturnType<typeof checkedAnswer>;

class Server {
  readonly #session: Session;
  readonly #config: RpcServerConfig;
  readonly #handler: RpcHandler;
  readonly #publisher: Publisher;
  readonly #counts = { received: 0, replied: 0, failed: 0, unaddressed: 0, unheard: 0 };
  readonly #callers;
  readonly #complain;

  constructor(session: Session, config: RpcServerConfig, handler: RpcHandler) {
    this.#session = session;
    this.#config = config;
    this.#handler = handler;
    const mandatory = ({ routingKey: replyTo }: Message): boolean => !isDirect(replyTo);
    this.#publisher = new Publisher(session, { mandatory, oneExchange: true, singleOut: true });
    this.#callers = new Callers(session);
    this.#complain = fewOf(session.emit, 'further requests that fail are only counted');
  }

  async run(): Promise<ServeCounts> {
    const { queue, queueType, concurrency, grace, count, idle, timeout } = this.#config;
    const topology = { exchanges: [], queues: [queueSpec(queue, { queueType })], bindings: [] };
    await withLastingControl(this.#session, async (connection) => {
      if ((await typeOf(connection, queue)) === 'stream') throw new Failure('refused', `"${queue}" is a stream: every server would answer every request`);
      await ensure(connection, topology);
    });
    let before = false;
    const onSubscribed = (): void => {
      this.#session.emit({ kind: 'subscribed', queue, text: `serving queue "${queue}"${before ? ' again' : ''}` });
      before = true;
    };
    try {
      await this.#publisher.connect();
      const taken = await take(
        this.#session,
        ConsumeConfig.parse({ queue, count, idle, timeout, prefetch: concurrency }),
        (request, context) => this.#serve(request, context),
        { topology, concurrency, grace, graceful: true, neverStream: true, onSubscribed },
      );
      const { requeued, returned } = taken.counts;
      const { received, replied, failed, unaddressed, unheard } = this.#counts;
      const unknown = received - replied - failed - unaddressed - unheard - requeued;
      const counts = { ...this.#counts, returned: requeued + returned, unknown };
      this.#session.emit({ kind: 'served', counts, seconds: taken.seconds, queue });
      if (taken.failure !== undefined) throw taken.failure;
      return counts;
    } finally {
      await this.#publisher.close();
    }
  }

  async #serve(request: Delivery, context: TakeContext): Promise<Settlement> {
    this.#counts.received++;
    const began = performance.now();
    const answer = await this.#answer(request, context.kill);
    const { replyTo, messageId } = request.properties;
    const isThere = await this.#isThere(replyTo, performance.now() - began < SOON);
    // The connection is lost, and the request comes again: its next delivery is answered.
    if (!context.isCurrent() || context.kill.aborted) return 'hold';
    if (answer instanceof RpcError) this.#complain({ kind: 'request-failed', messageId, reason: answer.message });
    if (replyTo === undefined) this.#counts.unaddressed++;
    else {
      const placed = isThere ? await this.#send(request, replyTo, answer, context) : false;
      if (placed === undefined) return 'hold';
      this.#counts[!placed ? 'unheard' : answer instanceof RpcError ? 'failed' : 'replied']++;
    }
    return 'ack';
  }

  /** The handler's answer, within its time. */
  async #answer(request: Delivery, kill: AbortSignal): Promise<Answer | RpcError> {
    const { handlerTimeout } = this.#config;
    const handle = async (signal: AbortSignal): Promise<Answer | RpcError> => {
      try {
        const answer = await this.#handler(request, { signal });
        return (answer as unknown) instanceof RpcError ? (answer as unknown as RpcError) : checkedAnswer(answer);
      } catch (error) {
        if (error instanceof Failure && (error.kind === 'unfound' || error.kind === 'unexecutable')) throw error;
        return asRpcError(error);
      }
    };
    const { result, late } = await withinItsTime(handlerTimeout, kill, handle, new RpcError('did not end'));
    if (late === undefined) return result;
    return new RpcError(late, { exitCode: TIMED_OUT, ...(result instanceof RpcError && { stderr: result.stderr }) });
  }

  /** A caller that has gone is no failure of the server. Asked before the reply, because the caller may leave after it. Where replies have a queue, the broker returns the reply. */
  async #isThere(replyTo: string | undefined, soon: boolean): Promise<boolean> {
    if (replyTo === undefined || !isDirect(replyTo)) return true;
    if (!isReplyAddress(replyTo)) return !knowsForm(this.#publisher.brokerVersion);
    return soon || this.#callers.isThere(replyTo);
  }

  /** False when no queue took the reply; undefined when it was not sent because the request comes again. */
  async #send(request: Delivery, replyTo: string, answer: Answer | RpcError, context: TakeContext): Promise<boolean | undefined> {
    const placed = await this.#publish(this.#reply(request, replyTo, answer), context);
    if (!(placed instanceof Failure)) return placed;
    // The broker failed on this address: it would fail again.
    if (placed.kind === 'unroutable') return false;
    // The caller learns that the broker does not accept the reply.
    const told = await this.#publish(this.#reply(request, replyTo, new RpcError(placed.message, { exitCode: REFUSED })), context);
    if (told instanceof Failure) throw told;
    return told;
  }

  #reply({ properties: { correlationId } }: Delivery, replyTo: string, answer: Answer | RpcError): Message {
    const { body, properties } = answer instanceof RpcError ? errorReply(answer) : answer;
    const { replyContentType: contentType } = this.#config;
    return {
      exchange: '',
      routingKey: replyTo,
      // After a restart of the broker, the caller is gone: replies need no persistence.
      properties: {
        deliveryMode: 1,
        ...(contentType !== undefined && !(answer instanceof RpcError) && { contentType }),
        ...properties,
        ...(correlationId !== undefined && { correlationId }),
      },
      body,
    };
  }

  /** Whether a queue took a reply, or why the broker refused it. */
  async #publish(reply: Message, context: TakeContext): Promise<boolean | Failure | undefined> {
    const outcome = await publishWhile(this.#publisher, reply, context);
    if (outcome === undefined) return undefined;
    if (outcome.kind === 'unknown') throw outcome.failure;
    return outcome.kind === 'refused' ? outcome.failure : outcome.kind !== 'returned';
  }
}

function asRpcError(error: unknown): RpcError {
  if (error instanceof RpcError) return error;
  const exitCode = error instanceof Failure && error.kind === 'later' ? LATER : 1;
  return new RpcError(thrownText(error), { exitCode });
}
