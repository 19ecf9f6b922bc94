import { setMaxListeners } from 'node:events';
import { formatEnvelope } from '../model/envelope.ts';
import type { Emit } from '../model/event.ts';
import { type ExitTable, verdictOn } from '../model/exit-table.ts';
import { Failure } from '../model/failure.ts';
import type { Delivery } from '../model/message.ts';
import type { Judgement } from '../model/verdict.ts';
import type { Answer } from './answers.ts';
import { abortReason, cannotRun, describeExit } from './each.ts';
import { type Patience, patienceOf } from './group.ts';
import { type End, Resident } from './resident.ts';

/** A message that a program has, or is to get. */
export interface Task {
  readonly id: number;
  readonly delivery: Delivery;
  readonly attempt: number;
  readonly signal: AbortSignal;
  readonly resolve: (judgement: Judgement) => void;
  readonly reject: (failure: unknown) => void;
}

interface SlotConfig {
  readonly command: readonly string[];
  readonly onExit: ExitTable;
  readonly patience: Patience | undefined;
  readonly emit: Emit;
}

/** Pauses before a program is started again that died without a single answer, in milliseconds. */
const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 30_000;

/** One program that stays, and comes back. */
export class Slot {
  readonly #config: SlotConfig;
  /** In the order in which they came. */
  readonly #tasks = new Map<number, Task>();
  readonly #watched = new WeakSet<AbortSignal>();
  #resident: Resident | undefined;
  /** True while there is one, or is about to be. */
  #living = false;
  #life: Promise<void> = Promise.resolve();
  #answered = false;
  /** It was ended because the time of a message was over: no other message is to blame for that. */
  #interrupted = false;
  #pause = FIRST_PAUSE;
  #pausing: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(config: SlotConfig) {
    this.#config = config;
  }

  get unanswered(): number {
    return this.#tasks.size;
  }

  take(task: Task): void {
    if (this.#closed) {
      task.resolve({ verdict: 'retry', reason: 'stopped' });
      return;
    }
    this.#tasks.set(task.id, task);
    this.#watch(task.signal);
    if (this.#resident?.ending === false) this.#send(this.#resident, task);
    else if (!this.#living && this.#pausing === undefined) this.#start();
  }

  /** Tells the program that nothing more comes, and ends it when it does not end by itself. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#pausing);
    for (const task of this.#tasks.values()) this.#finish(task, { verdict: 'retry', reason: 'stopped' });
    const timer = setTimeout(() => this.#resident?.end(), patienceOf(this.#config.patience));
    this.#resident?.finish();
    await this.#life;
    clearTimeout(timer);
  }

  /** Many messages may share a signal. */
  #watch(signal: AbortSignal): void {
    if (this.#watched.has(signal)) return;
    this.#watched.add(signal);
    const giveUp = (): void => {
      if (this.#resident === undefined) this.#dropAborted({});
      else if ([...this.#tasks.values()].some((task) => task.signal === signal)) {
        this.#interrupted ||= !this.#resident.ending;
        this.#resident.end();
      }
    };
    setMaxListeners(0, signal);
    signal.addEventListener('abort', giveUp, { once: true });
  }

  #start(): void {
    this.#living = true;
    this.#life = this.#live();
  }

  /** One program after the other, as long as there is something to do for it. */
  async #live(): Promise<void> {
    const { command, patience, emit } = this.#config;
    try {
      do {
        const resident = await Resident.start({ command, patience, emit, onAnswer: (answer) => this.#settle(answer) });
        this.#resident = resident;
        this.#answered = false;
        this.#interrupted = false;
        for (const task of this.#tasks.values()) this.#send(resident, task);
        if (this.#closed) resident.finish();
        const end = await resident.ended;
        this.#resident = undefined;
        this.#bury(end);
      } while (this.#answered && this.#tasks.size > 0);
    } catch (error) {
      this.#abandon(error);
    }
    this.#living = false;
  }

  #send(resident: Resident, task: Task): void {
    try {
      const envelope = formatEnvelope(task.delivery, { jsonBody: false });
      resident.send(`{"id":${task.id},"attempt":${task.attempt},${envelope.slice(1)}\n`);
    } catch (error) {
      this.#finish(task, { verdict: 'retry', reason: error instanceof Error ? error.message : String(error) });
    }
  }

  #settle({ id, verdict, reason }: Answer): void {
    // What it was to do has been given up.
    if (this.#closed) return;
    const task = this.#tasks.get(id);
    if (task === undefined) throw new Error(`it answered a message that it does not have: id ${id}`);
    this.#answered = true;
    this.#pause = FIRST_PAUSE;
    this.#finish(task, reason === undefined ? { verdict } : { verdict, reason });
  }

  #finish(task: Task, judgement: Judgement): void {
    this.#tasks.delete(task.id);
    task.resolve(judgement);
  }

  /** The program is gone: who is to blame has failed, and the others get another one. */
  #bury(end: End): void {
    const { code, stderr, fault } = end;
    const [oldest] = this.#tasks.values();
    if (!this.#dropAborted({ exitCode: code, stderr }) && oldest !== undefined && !this.#interrupted) {
      const verdict = fault === undefined ? verdictOn(code, this.#config.onExit) : 'retry';
      if (verdict === undefined) throw cannotRun(end, this.#config.command);
      const reason = fault ?? `the handler ended before it answered: ${describeExit(end)}`;
      this.#finish(oldest, { verdict: verdict === 'ack' ? 'retry' : verdict, reason, exitCode: code, stderr });
    }
    if (!this.#answered && !this.#closed) this.#pauseBeforeStart();
  }

  /** Those whose time is over have failed, if there are any. */
  #dropAborted(known: Pick<Judgement, 'exitCode' | 'stderr'>): boolean {
    const aborted = [...this.#tasks.values()].filter(({ signal }) => signal.aborted);
    for (const task of aborted) this.#finish(task, { verdict: 'retry', reason: abortReason(task.signal) ?? 'stopped', ...known });
    return aborted.length > 0;
  }

  /** A program that never answers must not be started over and over again. */
  #pauseBeforeStart(): void {
    this.#pausing = setTimeout(() => {
      this.#pausing = undefined;
      if (this.#tasks.size > 0) this.#start();
    }, this.#pause);
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
  }

  #abandon(error: unknown): void {
    const tasks = [...this.#tasks.values()];
    this.#tasks.clear();
    // The machine is short of processes: no fault of the messages.
    const short = error instanceof Failure && error.kind === 'later';
    for (const { resolve, reject } of tasks) {
      if (short) resolve({ verdict: 'requeue', reason: error.message });
      else reject(error);
    }
  }
}
