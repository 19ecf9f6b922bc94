import type { Socket } from 'node:net';
import { abortFailure, Failure } from '../../model/failure.ts';
import { option } from '../../model/option.ts';
import { formatDuration } from '../../model/quantity.ts';
import type { Connection } from './connection.ts';

/** Milliseconds that the broker may take for the answer that ends a run, and for any answer once the run is to stop. */
export const CLOSING_PATIENCE = 3_000;
const CHECK = 500;

interface Question {
  readonly reject: (failure: Failure) => void;
  readonly asked: number;
  /** Milliseconds that the broker may be silent. Infinity for an operation that only the end of its connection ends. */
  readonly patience: number;
}

/**
 * The questions that wait for an answer on one connection. A broker that answers nothing and sends nothing else within a question's time counts as
 * lost: heartbeats go on when a queue, a node behind it or half of the network has stopped. While an alarm blocks the connection, no time counts.
 */
export class Questions {
  readonly #connection: Connection;
  readonly #open = new Set<Question>();
  #lost: Failure | undefined;
  #timer: NodeJS.Timeout | undefined;
  #frames = 0;
  #backlog = 0;
  /** When a frame last came or left. Time under an alarm does not count; alarms that come and go do not add time. */
  #since = 0;
  #blockedFor = 0;
  #checked = 0;

  private constructor(connection: Connection) {
    this.#connection = connection;
    // One listener for all questions: a race for each would leave a listener behind each time.
    void connection.lost.then((failure) => {
      this.#lost = failure;
      for (const { reject } of this.#open) reject(failure);
    });
  }

  static readonly #all = new WeakMap<Connection, Questions>();

  static on(connection: Connection): Questions {
    const known = Questions.#all.get(connection);
    if (known !== undefined) return known;
    const questions = new Questions(connection);
    Questions.#all.set(connection, questions);
    return questions;
  }

  /** Calls `reject` when the connection is lost or given up before the result is called. */
  ask(reject: (failure: Failure) => void, patience: number): () => void {
    if (this.#lost !== undefined) {
      reject(this.#lost);
      return () => undefined;
    }
    const now = performance.now();
    const question = { reject, asked: now - this.#blockedFor, patience };
    this.#open.add(question);
    this.#connection.questions = this.#open.size;
    if (patience !== Number.POSITIVE_INFINITY && this.#timer === undefined) {
      this.#checked = now;
      this.#timer = setInterval(() => this.#check(), CHECK);
    }
    return () => {
      this.#open.delete(question);
      this.#connection.questions = this.#open.size;
      if (this.#open.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    };
  }

  #check(): void {
    const { frames, blocked, stopping } = this.#connection;
    const checked = performance.now();
    if (blocked && !stopping.aborted) this.#blockedFor += checked - this.#checked;
    this.#checked = checked;
    const now = checked - this.#blockedFor;
    const before = { frames: this.#frames, backlog: this.#backlog };
    this.#frames = frames;
    this.#backlog = backlog(this.#connection);
    if (frames !== before.frames || this.#backlog < before.backlog) this.#since = now;
    for (const { asked, patience } of this.#open) {
      if (patience === Number.POSITIVE_INFINITY) continue;
      const most = stopping.aborted ? Math.min(patience, CLOSING_PATIENCE) : patience;
      if (now - Math.max(asked, this.#since) < most) continue;
      this.#connection.giveUp(stopping.aborted ? abortFailure(stopping) : unanswered(most));
      return;
    }
  }
}

function unanswered(patience: number): Failure {
  return new Failure('unavailable', `the broker did not answer within ${formatDuration(patience)}`, {
    transient: true,
    hint: `its node or its disk may be overloaded, or the node of a classic queue may be down; ${option('answerTimeout')} gives it longer`,
  });
}

interface Handle {
  readonly writeQueueSize?: number;
  /** The handle below that of TLS. */
  readonly _parent?: Handle | null;
}

/** Bytes written to a connection that the operating system has not taken yet. */
export function backlog(connection: Connection | undefined): number {
  const stream = (connection?.model.connection as { stream?: Socket & { _handle?: Handle | null } } | undefined)?.stream;
  const handle = stream?._handle;
  // The length counts a write until it is done; only a handle knows how far it has got.
  return (stream?.writableLength ?? 0) + (handle?.writeQueueSize ?? 0) + (handle?._parent?.writeQueueSize ?? 0);
}
