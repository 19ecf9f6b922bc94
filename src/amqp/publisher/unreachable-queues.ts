import { Failure } from '../../model/failure.ts';
import { withinPatience } from '../connection/channel.ts';
import type { Connection } from '../connection/connection.ts';
import { readyCount } from '../topology/queue-facts.ts';
import type { Entry, Outcome } from './outcomes.ts';

/** Milliseconds for which an answer that the node of a queue is up holds. */
const CERTAIN = 1_000;

/** After a reconnect, a nack is retried for this many milliseconds: a queue that recovers with its broker nacks at first. */
const RECOVERY = 10_000;

interface Doubt {
  readonly entry: Entry;
  readonly outcome: Outcome;
}

/**
 * Messages straight to a queue that the broker returned or nacked. The node of a classic queue may be down, and no publisher learns that: up to 3.13 the broker
 * returns its messages as if the queue did not exist, from 4.0 on it nacks them as if the queue were full. So the broker is asked about the queue first.
 */
export class UnreachableQueues {
  readonly #settle: (entry: Entry, outcome: Outcome) => void;
  readonly #asking = new Set<string>();
  readonly #certain = new Map<string, number>();
  #held: Doubt[] = [];
  #connection: Connection | undefined;
  #starts = 0;
  #since = 0;
  #onDown: (failure: Failure) => void = () => undefined;

  /** `settle` is called for a message whose outcome is certain. */
  constructor(settle: (entry: Entry, outcome: Outcome) => void) {
    this.#settle = settle;
  }

  get count(): number {
    return this.#held.length;
  }

  /** True while a nacked message is sent again. */
  get recovering(): boolean {
    return this.#starts > 1 && performance.now() - this.#since < RECOVERY;
  }

  /** Begins with a new connection; resolves with the reason when the node of a queue is down. */
  restart(connection: Connection): Promise<Failure> {
    this.#connection = connection;
    this.#starts++;
    this.#since = performance.now();
    this.#asking.clear();
    return new Promise((resolve) => {
      this.#onDown = resolve;
    });
  }

  /** Takes over a message whose outcome is in doubt; false when it is not. */
  hold(entry: Entry, outcome: Outcome): boolean {
    const { exchange, routingKey: queue } = entry.message;
    const failed = outcome.kind === 'nacked' || (outcome.kind === 'confirmed' && entry.returned !== undefined);
    if (!failed || exchange !== '' || this.#connection === undefined || performance.now() < (this.#certain.get(queue) ?? 0)) return false;
    this.#held.push({ entry, outcome });
    if (!this.#asking.has(queue)) void this.#ask(queue, this.#connection);
    return true;
  }

  /** Hands out the messages held, to send again or give up. */
  take(): Entry[] {
    return this.#held.splice(0).map(({ entry }) => entry);
  }

  async #ask(queue: string, connection: Connection): Promise<void> {
    this.#asking.add(queue);
    const failure = await downFailure(queue, connection);
    if (connection !== this.#connection) return;
    this.#asking.delete(queue);
    if (failure !== undefined) {
      this.#onDown(failure);
      return;
    }
    this.#certain.set(queue, performance.now() + CERTAIN);
    const settled = this.#held.filter(({ entry }) => entry.message.routingKey === queue);
    this.#held = this.#held.filter((doubt) => !settled.includes(doubt));
    for (const { entry, outcome } of settled) this.#settle(entry, outcome);
  }
}

/** Why a queue cannot be reached now; undefined when it can, does not exist, or may not be asked about. */
async function downFailure(queue: string, connection: Connection): Promise<Failure | undefined> {
  try {
    // From 4.0 on the broker waits a minute for the node before it answers.
    if ((await withinPatience(readyCount(connection, queue))) !== undefined) return undefined;
    return new Failure('unavailable', `the queue "${queue}" takes nothing, and the broker does not answer for it: its node may be down`, {
      transient: true,
      hint: 'the queue is there, and comes back with its node',
    });
  } catch (error) {
    return error instanceof Failure && error.transient ? error : undefined;
  }
}
