import * as z from 'zod/mini';
import type { Session } from '../../amqp/connection/session.ts';
import { Waiting } from '../../amqp/publisher/waiting.ts';
import { Requester } from '../../amqp/rpc/requester.ts';
import { withoutSignature } from '../../model/dead-letter/attempt.ts';
import { fewOf } from '../../model/event.ts';
import { abortFailure, Failure } from '../../model/failure.ts';
import { withoutBrokerHeaders } from '../../model/message/broker-headers.ts';
import { formatCount } from '../../model/quantity.ts';
import { type CallCounts, RpcError, type RpcReply } from '../../model/rpc.ts';
import { Stopwatch } from '../../model/stopwatch.ts';
import { type Draft, type Drafts, messageShape, propertiesOf, sourceShape, untilStopped } from '../publish/input.ts';
import { callOver, clientShape, type RequestProperties } from './client.ts';

/** The reply address and the delivery mode of a request are not options. */
const { correlationId, replyTo, transient, ...requestShape } = messageShape;

export const RpcCallConfig = z.strictObject({
  ...clientShape,
  ...requestShape,
  ...sourceShape,
  concurrency: z._default(z.int().check(z.minimum(1), z.maximum(10_000)), 10),
});
export type RpcCallConfig = z.output<typeof RpcCallConfig>;

/** The result of a call: a reply, a failure, or an error reply. */
export interface CallResult {
  /** From 1, in the order of the requests. */
  readonly call: number;
  readonly reply: RpcReply | undefined;
  readonly failure: Failure | undefined;
}

type Print = (result: CallResult) => Promise<void>;

/** True for a single call, whose failure is that of the run. */
export function isSingle({ lines, envelopes, count, file = [] }: Pick<RpcCallConfig, 'lines' | 'envelopes' | 'count' | 'file'>): boolean {
  return !lines && !envelopes && count === undefined && file.length <= 1;
}

/** Results, for each concurrent call, that may wait for an earlier one: a slow call does not stop the others at once. */
const AHEAD = 16;

/**
 * Makes a call for each draft over one connection, and hands the results to `print` in the order of the requests. A call that
 * fails stops no other.
 *
 * @throws RpcError or Failure of a single call as it is; of many, `partial` when they failed for different reasons
 */
export async function callAll(session: Session, config: RpcCallConfig, drafts: Drafts, print: Print): Promise<CallCounts> {
  return new Calls(session, config, print).run(drafts);
}

class Calls {
  readonly #session: Session;
  readonly #config: RpcCallConfig;
  readonly #print: Print;
  readonly #requester: Requester;
  readonly #complete: (draft: Draft) => RequestProperties;
  readonly #counts = { calls: 0, replied: 0, failed: 0, unanswered: 0 };
  readonly #stopwatch = new Stopwatch();
  readonly #complain;
  /** The first failure of each kind, and their number. */
  readonly #failures = new Map<string, { readonly first: Failure; count: number }>();
  readonly #waiting: Waiting;
  /** True once every request of the input was made; and the line of the last one. */
  #ended = false;
  #line: number | undefined;
  #underWay = 0;
  #unprinted = 0;
  /** The last result handed to `print`, which writes in order. */
  #printed = Promise.resolve();
  #unprintable: unknown;

  constructor(session: Session, config: RpcCallConfig, print: Print) {
    this.#session = session;
    this.#config = config;
    this.#print = print;
    this.#requester = new Requester(session, config);
    this.#complete = completing(config);
    this.#complain = fewOf(session.emit, 'further calls that fail are only counted; -o json tells of each');
    this.#waiting = new Waiting(() => this.#requester.failure);
  }

  async run(drafts: Drafts): Promise<CallCounts> {
    const started = performance.now();
    const { queue } = this.#config;
    const connecting = this.#requester.connect();
    connecting.catch(() => undefined);
    let failure: unknown;
    try {
      failure = await this.#callEach(drafts);
      if (this.#counts.calls === 0 && failure === undefined) await connecting;
    } finally {
      await this.#requester.close();
    }
    const { roundTrips } = this.#stopwatch;
    if (!this.#single) {
      const seconds = (performance.now() - started) / 1_000;
      this.#session.emit({ kind: 'called', counts: { ...this.#counts }, roundTrips, seconds, queue });
    } else if (roundTrips !== undefined) this.#session.emit({ kind: 'replied', roundTrip: roundTrips.max });
    const verdict = this.#judge();
    if (failure === undefined && this.#session.signal.aborted) failure = abortFailure(this.#session.signal);
    // A call that has failed is a failure, whether its reply is read or not.
    if (failure !== undefined && (verdict === undefined || !isClosed(failure))) throw this.#withRest(failure);
    if (verdict !== undefined) throw this.#withRest(verdict);
    return { ...this.#counts };
  }

  get #single(): boolean {
    return isSingle(this.#config);
  }

  /** Resolves once every result has been printed; with the failure that ended the input early, if any. */
  async #callEach(drafts: Drafts): Promise<unknown> {
    let failure: unknown;
    let before = Promise.resolve();
    try {
      for await (const draft of oneByOne(drafts, this.#requester)) {
        if (!this.#hasRoom()) await this.#waiting.until(() => this.#hasRoom());
        before = this.#call(draft, before);
        this.#line = draft.line;
      }
      this.#ended = true;
    } catch (error) {
      failure = error;
    }
    await before;
    await this.#printed;
    if (this.#unprintable !== undefined) return this.#unprintable;
    // The failure of the client is also that of its pending calls.
    return [...this.#failures.values()].some(({ first }) => first === failure) ? undefined : failure;
  }

  #hasRoom(): boolean {
    const { concurrency } = this.#config;
    return this.#underWay < concurrency && this.#unprinted < concurrency * AHEAD;
  }

  /** Makes a call, and prints its result after the one before. */
  async #call(draft: Draft, before: Promise<void>): Promise<void> {
    const number = ++this.#counts.calls;
    this.#underWay++;
    this.#unprinted++;
    const [reply, failure] = await this.#ask(draft);
    this.#underWay--;
    this.#waiting.wake();
    await before;
    if (failure === undefined) this.#counts.replied++;
    else this.#failed(number, failure);
    if (reply !== undefined) this.#stopwatch.add(reply.roundTrip);
    this.#printed = this.#print({ call: number, reply, failure })
      .catch((error) => {
        this.#unprintable ??= error;
      })
      .finally(() => {
        this.#unprinted--;
        this.#waiting.wake();
      });
  }

  async #ask(draft: Draft): Promise<readonly [reply: RpcReply | undefined, failure?: Failure]> {
    try {
      return [await callOver(this.#requester, this.#config, draft.body, this.#complete(draft))];
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      return [error instanceof RpcError ? error.reply : undefined, error];
    }
  }

  #failed(call: number, failure: Failure): void {
    this.#counts[failure instanceof RpcError ? 'failed' : 'unanswered']++;
    const kind = String(failure.exitCode ?? failure.kind);
    const same = this.#failures.get(kind);
    if (same === undefined) this.#failures.set(kind, { first: failure, count: 1 });
    else same.count++;
    if (!this.#single && failure !== this.#requester.failure) {
      this.#complain({ kind: 'call-failed', call, reason: failure.message, stderr: failure instanceof RpcError ? failure.stderr : '' });
    }
  }

  /** Each request has a line in the output, except those that were never made: the failure says where they begin. */
  #withRest(failure: unknown): unknown {
    if (this.#single || this.#ended || !(failure instanceof Failure) || failure.kind === 'data') return failure;
    const next = this.#line === undefined ? `call ${this.#counts.calls + 1}` : `line ${this.#line + 1}`;
    return failure.saying(`${failure.message}\nfrom ${next} on nothing was sent, and nothing printed`);
  }

  /** The failure of the run: of one kind when all failures are of that kind, else `partial`. */
  #judge(): Failure | undefined {
    const kinds = [...this.#failures.values()].filter(({ first }) => !isClosed(first));
    const [only] = kinds;
    if (only === undefined || this.#single || only.first === this.#requester.failure) return only?.first;
    const told = kinds.map(({ first, count }) => `${formatCount(count, 'call')} failed; the first one: ${first.message}`);
    if (kinds.length > 1) return new Failure('partial', told.join('\n'));
    return only.first.saying(told.join('\n'));
  }
}

const isClosed = (failure: unknown): boolean => failure instanceof Failure && failure.kind === 'closed';

async function* oneByOne(drafts: Drafts, requester: Requester): AsyncGenerator<Draft> {
  for await (const batch of untilStopped(drafts, requester)) {
    for (const draft of batch) {
      // Replies come in the order of the requests: one that cannot be made ends them.
      if (draft instanceof Failure) throw draft;
      yield draft;
    }
  }
}

/** The properties of a request: an option wins over the envelope, headers are merged one by one. */
function completing(config: RpcCallConfig): (draft: Draft) => RequestProperties {
  const flags = propertiesOf({ ...config, correlationId: undefined, replyTo: undefined, transient: true });
  return (draft) => {
    const properties = withoutSignature(config.keepBrokerHeaders ? draft.properties : withoutBrokerHeaders(draft.properties));
    const headers = flags.headers === undefined ? properties.headers : { ...properties.headers, ...flags.headers };
    return { ...properties, ...flags, ...(headers !== undefined && { headers }) };
  };
}
