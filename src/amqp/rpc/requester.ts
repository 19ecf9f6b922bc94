import { randomUUID } from 'node:crypto';
import { deferred, onAbort } from '../../model/async.ts';
import { abortFailure, Failure, stopFailure } from '../../model/failure.ts';
import type { Message, Properties } from '../../model/message/message.ts';
import { option } from '../../model/option.ts';
import { formatDuration } from '../../model/quantity.ts';
import type { RpcReply } from '../../model/rpc.ts';
import { type Refusal, refusalOf } from '../connection/broker-errors.ts';
import type { Connection } from '../connection/connection.ts';
import { asFailure, keepAlive } from '../connection/keep-alive.ts';
import type { Link } from '../connection/reconnect.ts';
import type { Session } from '../connection/session.ts';
import type { WireDelivery } from '../consumer/delivery.ts';
import { checkServed, nobodyServes, openRequestChannel, REPLY_TO, type RequestChannel } from './reply-channel.ts';

export interface RequesterConfig {
  readonly queue: string;
  /** True: a request whose reply may be lost with the connection is sent again. */
  readonly idempotent: boolean;
}

export interface Request {
  readonly body: Buffer;
  readonly properties: Properties;
  /** Milliseconds, from now on. */
  readonly timeout: number;
  /** Nobody waits for the reply any more once it is aborted. */
  readonly signal?: AbortSignal | undefined;
}

/** A request between its making and its end. */
interface Open {
  readonly request: Request;
  /** Random: a program that receives one request cannot answer another. */
  readonly id: string;
  readonly deadline: number;
  readonly timer: NodeJS.Timeout;
  readonly leave: () => void;
  readonly resolve: (reply: RpcReply) => void;
  readonly reject: (failure: Failure) => void;
  firstSent: number | undefined;
  /** True while it is on its way on the present channel. */
  sent: boolean;
}

/**
 * Sends requests to a queue and gets the reply to each, any number at a time, over one channel. A request that was not sent when
 * its connection was lost is sent on the next one.
 */
export class Requester {
  readonly #session: Session;
  readonly #config: RequesterConfig;
  readonly #link: Link;
  readonly #open = new Map<string, Open>();
  #connection: Connection | undefined;
  #channel: RequestChannel | undefined;
  #failure: Failure | undefined;
  /** True once the queue was seen to have a consumer. */
  #served = false;
  #asking: Promise<Failure> | undefined;
  #trying = false;
  #running: Promise<unknown> = Promise.resolve();
  readonly #ignore: () => void;
  readonly #stop = deferred<Failure>();
  /** Resolves with the reason when it can go on no longer. */
  readonly stopped = this.#stop.promise;

  /** Nothing is connected before `connect`. */
  constructor(session: Session, config: RequesterConfig) {
    this.#session = session;
    this.#config = config;
    this.#link = session.open('rpc');
    this.#ignore = onAbort(session.signal, () => this.#fail(abortFailure(session.signal)));
  }

  /** True once its connection or session was closed on purpose. */
  get closed(): boolean {
    return this.#link.closed;
  }

  /** What stopped it, once something has. */
  get failure(): Failure | undefined {
    return this.#failure;
  }

  /**
   * Connects. Requests may be made before; they wait.
   *
   * @throws Failure as the connection gives it, and `unavailable` when nobody serves the queue
   */
  async connect(): Promise<void> {
    try {
      const connection = await this.#link.connect(this.#session.signal);
      const { over } = await keepAlive(connection, {
        start: (on) => this.#start(on),
        resume: (failure, lost) => this.#resume(failure, lost),
        isOver: () => this.#failure !== undefined,
        stopped: this.stopped,
      });
      this.#running = over.then((failure) => failure && this.#fail(failure));
    } catch (error) {
      this.#fail(asFailure(error));
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  /**
   * Sends a request and resolves with its reply.
   *
   * @throws Failure `deadline`, `unavailable` when nobody serves the queue or the connection was lost, `refused`, `data` when it
   * cannot be encoded
   */
  async request(request: Request): Promise<RpcReply> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) throw this.#failure;
      const { timeout, signal } = request;
      if (signal?.aborted === true) throw stopFailure(signal);
      const id = randomUUID();
      const deadline = performance.now() + timeout;
      const timer = setTimeout(() => {
        this.#reject(open, this.#late(open));
        if (open.sent) this.#tryConnection();
      }, timeout);
      const leave = (): void => this.#reject(open, stopFailure(signal));
      const open: Open = { request, id, deadline, timer, leave, resolve, reject, firstSent: undefined, sent: false };
      signal?.addEventListener('abort', leave, { once: true });
      this.#open.set(id, open);
      if (this.#channel?.isOpen() === true) this.#send(this.#channel, open);
    });
  }

  /** Closes the connection; requests without a reply fail. */
  async close(): Promise<void> {
    this.#fail(new Failure('unavailable', 'the client was closed'));
    await this.#link.close();
    await this.#running;
  }

  async #resume(failure: Failure, lost: Connection): Promise<Connection> {
    const refusal = refusalOf(failure);
    if (refusal === undefined ? !failure.transient : !this.#refuse(refusal)) throw failure;
    for (const open of this.#open.values()) {
      if (!open.sent) continue;
      if (this.#config.idempotent) open.sent = false;
      else this.#reject(open, lostFailure(failure));
    }
    return refusal === undefined ? this.#link.connect(this.#session.signal, lost.open ? failure : undefined) : lost;
  }

  /** False when the rule over which the channel was closed concerns none of the requests. */
  #refuse(refusal: Refusal): boolean {
    const sent = [...this.#open.values()].filter((open) => open.sent).map((open) => ({ open, message: this.#message(open) }));
    const concerned = sent.filter(({ message }) => refusal.concerns(message));
    for (const { open, message } of concerned) this.#reject(open, refusal.failure(message));
    return concerned.length > 0;
  }

  async #start(connection: Connection): Promise<RequestChannel> {
    this.#channel = undefined;
    this.#connection = connection;
    connection.onFlow = () => this.#sendWaiting();
    const opening = openRequestChannel(connection, {
      reply: (delivery) => this.#take(delivery),
      returned: (id) => void this.#whyReturned(connection).then((failure) => this.#rejectId(id, failure)),
    });
    const [channel] = await Promise.all([opening, this.#served ? undefined : checkServed(connection, this.#config.queue)]);
    this.#served = true;
    this.#channel = channel;
    this.#sendWaiting();
    return channel;
  }

  /** The broker returns a request without a queue, and one whose queue's node is down; many return at a time. */
  #whyReturned(connection: Connection): Promise<Failure> {
    const { queue } = this.#config;
    this.#asking ??= checkServed(connection, queue)
      .then(() => nobodyServes(queue, 'there was no such queue a moment ago'), asFailure)
      .finally(() => {
        this.#asking = undefined;
      });
    return this.#asking;
  }

  /** While an alarm blocks the connection, requests wait here: their time is not yet running in the queue. */
  #sendWaiting(): void {
    const channel = this.#channel;
    if (channel?.isOpen() !== true) return;
    for (const open of this.#open.values()) if (!open.sent) this.#send(channel, open);
  }

  #send(channel: RequestChannel, open: Open): void {
    try {
      channel.send(this.#message(open));
      open.sent = true;
      open.firstSent ??= performance.now();
    } catch (error) {
      this.#reject(open, asFailure(error));
    }
  }

  #message({ request: { body, properties }, id, deadline }: Open): Message {
    // The caller no longer waits for the reply after that.
    const left = Math.max(1, Math.ceil(deadline - performance.now()));
    const expiration = String(Math.min(left, Number(properties.expiration ?? left)));
    return {
      exchange: '',
      routingKey: this.#config.queue,
      body,
      properties: { messageId: id, ...properties, correlationId: id, replyTo: REPLY_TO, expiration },
    };
  }

  #take(delivery: WireDelivery): void {
    const { correlationId } = delivery.properties;
    const open = this.#open.get(correlationId ?? '');
    if (open === undefined) {
      const which = correlationId === undefined ? 'without a correlation id' : `with the unknown correlation id "${correlationId}"`;
      this.#session.emit({ kind: 'detail', text: `ignored a reply ${which}` });
      return;
    }
    if (this.#connection !== undefined) this.#connection.ofUse = true;
    this.#end(open);
    open.resolve(Object.assign(delivery, { roundTrip: performance.now() - (open.firstSent ?? 0) }));
  }

  #late({ request: { timeout }, sent }: Open): Failure {
    const within = `within ${formatDuration(timeout)}`;
    if (this.#connection?.blocked === true) {
      return new Failure('deadline', `no reply ${within}: the broker blocks publishers, because of a memory or disk alarm`);
    }
    if (!sent) return new Failure('deadline', `no reply ${within}: there was no connection to send the request on`);
    return new Failure('deadline', `no reply from "${this.#config.queue}" ${within}`);
  }

  /**
   * Asks the broker about the queue after a request had no reply. The broker confirms no request, and may read what comes as parts of a damaged frame:
   * a question that it leaves without an answer ends the connection, so that the next requests go over another one.
   */
  #tryConnection(): void {
    const connection = this.#connection;
    if (connection?.open !== true || connection.blocked || this.#trying) return;
    this.#trying = true;
    void checkServed(connection, this.#config.queue)
      .catch(() => undefined)
      .finally(() => {
        this.#trying = false;
      });
  }

  #rejectId(id: string | undefined, failure: Failure): void {
    const open = this.#open.get(id ?? '');
    if (open !== undefined) this.#reject(open, failure);
  }

  #reject(open: Open, failure: Failure): void {
    this.#end(open);
    open.reject(failure);
  }

  #end({ id, timer, leave, request: { signal } }: Open): void {
    clearTimeout(timer);
    signal?.removeEventListener('abort', leave);
    this.#open.delete(id);
  }

  #fail(failure: Failure): void {
    if (this.#failure !== undefined) return;
    this.#failure = failure;
    this.#ignore();
    for (const open of this.#open.values()) this.#reject(open, failure);
    this.#stop.resolve(failure);
  }
}

function lostFailure(cause: Failure): Failure {
  return new Failure('unavailable', 'the connection was lost before the reply came: the request may or may not have been served', {
    cause,
    hint: `${option('idempotent')} sends such a request again; use it where serving a request twice does no harm`,
  });
}
