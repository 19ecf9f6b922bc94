import { Failure } from '../../model/failure.ts';
import { withinPatience } from '../connection/channel.ts';
import type { Connection } from '../connection/connection.ts';
import { readyCount } from '../topology/queue-facts.ts';
import type { Entry, Outcome } from './outcomes.ts';

/** Milliseconds for which an answer about a queue holds. */
const CERTAIN = 1_000;

/** After a reconnect, a nack is retried for this many milliseconds: a queue that recovers with its broker nacks at first. */
const RECOVERY = 10_000;

interface Doubt {
  readonly entry: Entry;
  readonly outcome: Outcome;
}

/**
 * Messages straight to a queue that the broker returned or nacked. The node of a classic queue may be down, and no publisher learns that: up to 3.13 the broker
 * returns its messages as if the queue did not exist, from 4.0 on it nacks them as if the queue were full. So the broker is asked about the queue first. A queue
 * that is there takes its messages: when one was returned all the same, its node was down a moment ago, and the message is sent again.
 */
export class UnreachableQueues {
  readonly #settle: (entry: Entry, outcome: Outcome) => void;
  readonly #asking = new Set<string>();
  readonly #answers = new Map<string, { readonly isThere: boolean; readonly until: number }>();
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
    if (!failed || exchange !== '' || this.#connection === undefined || this.#isCertain(queue, entry)) return false;
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
    const answer = await ask(queue, connection);
    if (connection !== this.#connection) return;
    this.#asking.delete(queue);
    if (answer instanceof Failure) {
      this.#onDown(answer);
      return;
    }
    this.#answers.set(queue, { isThere: answer, until: performance.now() + CERTAIN });
    const settled = this.#held.filter(({ entry }) => entry.message.routingKey === queue && this.#isCertain(queue, entry));
    this.#held = this.#held.filter((doubt) => !settled.includes(doubt));
    for (const { entry, outcome } of settled) this.#settle(entry, outcome);
    if (this.#held.some(({ entry }) => entry.message.routingKey === queue)) {
      this.#onDown(
        new Failure('unavailable', `messages to the queue "${queue}" were returned, although it exists: its node was down a moment ago`, { transient: true }),
      );
    }
  }

  #isCertain(queue: string, { returned }: Entry): boolean {
    const answer = this.#answers.get(queue);
    return answer !== undefined && performance.now() < answer.until && !(answer.isThere && returned !== undefined);
  }
}

/** Whether a queue is there, or why it cannot be reached now. False also for a queue that this user may not ask about. */
async function ask(queue: string, connection: Connection): Promise<boolean | Failure> {
  try {
    // From 4.0 on the broker waits a minute for the node before it answers.
    if ((await withinPatience(readyCount(connection, queue))) !== undefined) return true;
    return new Failure('unavailable', `the queue "${queue}" takes nothing, and the broker does not answer for it: its node may be down`, {
      transient: true,
      hint: 'the queue is there, and comes back with its node',
    });
  } catch (error) {
    return error instanceof Failure && error.transient ? error : false;
  }
}
