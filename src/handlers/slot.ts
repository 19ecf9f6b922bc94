import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { formatEnvelope } from '../model/envelope.ts';
import type { Emit } from '../model/event.ts';
import { type ExitTable, verdictOn } from '../model/exit-table.ts';
import { Failure } from '../model/failure.ts';
import type { Delivery } from '../model/message.ts';
import type { Judgement } from '../model/verdict.ts';
import { type Answer, AnswerReader } from './answers.ts';
import { cannotRun, describeExit } from './each.ts';
import { type Group, groupOf } from './group.ts';
import { drained, spawned } from './program.ts';
import { Tail } from './tail.ts';

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
  readonly emit: Emit;
}

/** Pauses before a program is started again that died without a single answer, in milliseconds. */
const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 30_000;
/** How long a program has to end once it has been told that nothing more comes. */
const GOODBYE = 5_000;

/** One program that stays, and comes back. */
export class Slot {
  readonly #config: SlotConfig;
  /** In the order in which they came. */
  readonly #tasks = new Map<number, Task>();
  readonly #watched = new WeakSet<AbortSignal>();
  #running: { readonly child: ChildProcess; readonly group: Group } | undefined;
  #gone: Promise<void> = Promise.resolve();
  /** True while it is being started, or buried. */
  #changing = false;
  #outbox = '';
  #flushing = false;
  #answered = false;
  #fault: string | undefined;
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
    this.#tasks.set(task.id, task);
    this.#watch(task.signal);
    if (this.#running !== undefined) this.#send(task);
    else if (!this.#changing && this.#pausing === undefined) void this.#start();
  }

  /** Tells the program that nothing more comes, and ends it when it does not end by itself. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#pausing);
    for (const { resolve } of this.#tasks.values()) resolve({ verdict: 'retry', reason: 'stopped' });
    this.#tasks.clear();
    const timer = setTimeout(() => this.#running?.group.end(), GOODBYE);
    this.#running?.child.stdin?.end();
    await this.#gone;
    clearTimeout(timer);
  }

  /** Many messages may share a signal. */
  #watch(signal: AbortSignal): void {
    if (this.#watched.has(signal)) return;
    this.#watched.add(signal);
    const giveUp = (): void => {
      if (this.#running === undefined) this.#dropAborted({});
      else if ([...this.#tasks.values()].some((task) => task.signal === signal)) this.#running.group.end();
    };
    signal.addEventListener('abort', giveUp, { once: true });
  }

  async #start(): Promise<void> {
    const { command, emit } = this.#config;
    const [program = '', ...args] = command;
    this.#changing = true;
    try {
      const child = await spawned(program, () => spawn(program, args, { detached: true, stdio: ['pipe', 'pipe', 'pipe'] }));
      const group = groupOf(child);
      const tail = new Tail();
      const reader = new AnswerReader();
      this.#answered = false;
      this.#fault = undefined;
      for (const stream of child.stdio) stream?.on('error', () => undefined);
      child.stderr?.on('data', (chunk: Buffer) => {
        tail.add(chunk);
        emit({ kind: 'handler-output', bytes: chunk });
      });
      child.stdout?.on('data', (chunk: Buffer) => {
        if (this.#fault !== undefined) return;
        try {
          reader.read(chunk, (answer) => this.#settle(answer));
        } catch (error) {
          this.#fault = (error as Error).message;
          group.end();
        }
      });
      this.#gone = new Promise((resolve) => {
        child.once('exit', (code, signal) => {
          group.over();
          this.#running = undefined;
          this.#changing = true;
          // What it has said before it died still counts.
          void drained(child).then(() => {
            this.#died({ code: code ?? 128 + (signal === null ? 0 : constants.signals[signal]), signal: signal ?? undefined, stderr: tail.text });
            resolve();
          });
        });
      });
      this.#running = { child, group };
      this.#changing = false;
      if (this.#closed) child.stdin?.end();
      for (const task of this.#tasks.values()) this.#send(task);
    } catch (error) {
      this.#changing = false;
      this.#abandon(error);
    }
  }

  #send(task: Task): void {
    try {
      const envelope = formatEnvelope(task.delivery, { jsonBody: false });
      this.#outbox += `{"id":${task.id},"attempt":${task.attempt},${envelope.slice(1)}\n`;
    } catch (error) {
      this.#finish(task, { verdict: 'retry', reason: error instanceof Error ? error.message : String(error) });
      return;
    }
    if (this.#flushing) return;
    this.#flushing = true;
    // One write for all that arrives in a turn.
    setImmediate(() => {
      this.#flushing = false;
      this.#running?.child.stdin?.write(this.#outbox);
      this.#outbox = '';
    });
  }

  #settle({ id, verdict, reason }: Answer): void {
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
  #died(run: { readonly code: number; readonly signal: NodeJS.Signals | undefined; readonly stderr: string }): void {
    this.#changing = false;
    this.#outbox = '';
    const { code, stderr } = run;
    const [oldest] = this.#tasks.values();
    if (oldest !== undefined && !this.#dropAborted({ exitCode: code, stderr })) {
      const verdict = this.#fault === undefined ? verdictOn(code, this.#config.onExit) : 'retry';
      if (verdict === undefined) {
        this.#abandon(cannotRun(run, this.#config.command));
        return;
      }
      const reason = this.#fault ?? `the handler ended before it answered: ${describeExit(run)}`;
      this.#finish(oldest, { verdict: verdict === 'ack' ? 'retry' : verdict, reason, exitCode: code, stderr });
    }
    if (this.#closed) return;
    if (!this.#answered) this.#startLater();
    else if (this.#tasks.size > 0) void this.#start();
  }

  /** Those whose time is over have failed, if there are any. */
  #dropAborted(known: Pick<Judgement, 'exitCode' | 'stderr'>): boolean {
    const aborted = [...this.#tasks.values()].filter(({ signal }) => signal.aborted);
    for (const task of aborted) {
      const { reason } = task.signal;
      this.#finish(task, { verdict: 'retry', reason: reason instanceof Failure ? reason.message : 'stopped', ...known });
    }
    return aborted.length > 0;
  }

  /** A program that never answers must not be started over and over again. */
  #startLater(): void {
    this.#pausing = setTimeout(() => {
      this.#pausing = undefined;
      if (this.#tasks.size > 0) void this.#start();
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
