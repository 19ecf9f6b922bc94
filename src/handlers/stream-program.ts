import { setMaxListeners } from 'node:events';
import type { Emit } from '../model/event.ts';
import { Failure } from '../model/failure.ts';
import { formatEnvelope } from '../model/message/envelope.ts';
import type { Delivery } from '../model/message/message.ts';
import { isVerdict, type Judgement, type Verdict, verdictOn } from '../model/verdict.ts';
import { hasReader } from './descriptors.ts';
import { outerEnvironment } from './environment.ts';
import { abortReason, cannotRun, type Handlers, type ProgramHandlerConfig } from './per-message.ts';
import { groupOf, type ProcessGroup, patienceOf } from './process-group.ts';
import { describeExit, drained, exitCodeOf, type ProgramRun, type Started, start, tailOf } from './program.ts';

/** The patience is for a program to end by itself at the end of its input, too. */
export interface StreamHandlerConfig extends Omit<ProgramHandlerConfig, 'fd3'> {
  /** How many programs run. */
  readonly concurrency: number;
}

/**
 * Programs that stay. Each reads a line for each message, its envelope with an `id` and the number of the `attempt`, and answers with
 * a line each, in any order: `{"id":1,"verdict":"ack"}`, with an optional `reason`. A program that ends is started again; its oldest
 * message has failed, and the others are handed over once more.
 */
export function streamHandler({ command, concurrency, onExit, patience }: StreamHandlerConfig, emit: Emit): Handlers {
  const slots: Slot[] = [];
  let ids = 0;
  /** The program with the fewest messages; a new one as long as all have some. */
  const slotFor = (): Slot => {
    let least = slots[0];
    for (const slot of slots) if (least === undefined || slot.unanswered < least.unanswered) least = slot;
    if (least !== undefined && (least.unanswered === 0 || slots.length >= concurrency)) return least;
    const slot = new Slot({ command, onExit, patience, emit });
    slots.push(slot);
    return slot;
  };
  const handle: Handlers['handle'] = (delivery, { signal, attempt }) =>
    new Promise<Judgement>((resolve, reject) => {
      if (signal.aborted) resolve({ verdict: 'retry', reason: abortReason(signal) ?? 'stopped' });
      else slotFor().take({ id: ++ids, delivery, attempt, signal, resolve, reject });
    });
  return {
    handle,
    close: async () => {
      await Promise.all(slots.map((slot) => slot.close()));
    },
  };
}

/** A message of a program: handed over, or waiting for it. */
interface Task {
  readonly id: number;
  readonly delivery: Delivery;
  readonly attempt: number;
  readonly signal: AbortSignal;
  readonly resolve: (judgement: Judgement) => void;
  readonly reject: (failure: unknown) => void;
}

type SlotConfig = Omit<ProgramHandlerConfig, 'fd3'> & { readonly emit: Emit };

/** Milliseconds before a program is started again that ended without a single answer. */
const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 30_000;
/** Answers that are remembered, so that a second one is known. */
const LATEST = 1_000;

/** A program that stays; it is started again when it ends. */
class Slot {
  readonly #config: SlotConfig;
  /** In the order in which they came. */
  readonly #tasks = new Map<number, Task>();
  readonly #watched = new WeakSet<AbortSignal>();
  #resident: Resident | undefined;
  /** True while a program runs, or is about to. */
  #living = false;
  #life: Promise<void> = Promise.resolve();
  /** The messages that the program has answered: the latest. */
  readonly #answered = new Set<number>();
  #told = false;
  /** It was ended because the time of a message was over: the other messages have not failed. */
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
    else if (!this.#living && this.#pausing === undefined) this.#life = this.#live();
  }

  /** Closes the program's input, and ends it when it does not end by itself. */
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

  /** Runs one program after the other, as long as there are messages. */
  async #live(): Promise<void> {
    const { command, patience, emit } = this.#config;
    this.#living = true;
    try {
      do {
        const resident = await Resident.start({ command, patience, emit, onAnswer: (answer) => this.#settle(answer) });
        this.#resident = resident;
        this.#answered.clear();
        this.#interrupted = false;
        for (const task of this.#tasks.values()) this.#send(resident, task);
        if (this.#closed) resident.finish();
        const end = await resident.ended;
        this.#resident = undefined;
        this.#bury(end);
      } while (this.#answered.size > 0 && this.#tasks.size > 0);
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

  #settle({ id, verdict, reason }: ProgramAnswer): void {
    // A message that was given up.
    if (this.#closed) return;
    const task = this.#tasks.get(id);
    if (task === undefined) {
      if (!this.#answered.has(id)) throw new Error(`it answered a message that it does not have: id ${id}`);
      // No other message is at fault.
      const text = `the handler answered message ${id} once more (${verdict}): the first answer counts`;
      if (!this.#told) this.#config.emit({ kind: 'note', text });
      this.#told = true;
      return;
    }
    this.#answered.add(id);
    for (const oldest of this.#answered) {
      if (this.#answered.size <= LATEST) break;
      this.#answered.delete(oldest);
    }
    this.#pause = FIRST_PAUSE;
    this.#finish(task, reason === undefined ? { verdict } : { verdict, reason });
  }

  #finish(task: Task, judgement: Judgement): void {
    this.#tasks.delete(task.id);
    task.resolve(judgement);
  }

  /** The program has ended: the message at fault has failed, and the others go to the next program. */
  #bury(end: ProgramEnd): void {
    const { code, stderr, fault } = end;
    const [oldest] = this.#tasks.values();
    if (!this.#dropAborted({ exitCode: code, stderr }) && oldest !== undefined && !this.#interrupted) {
      const verdict = fault === undefined ? verdictOn(code, this.#config.onExit) : 'retry';
      if (verdict === undefined) throw cannotRun(end, this.#config.command);
      const reason = fault ?? `the handler ended before it answered: ${describeExit(end)}`;
      this.#finish(oldest, { verdict: verdict === 'ack' ? 'retry' : verdict, reason, exitCode: code, stderr });
    }
    if (this.#answered.size === 0 && !this.#closed) this.#pauseBeforeStart();
  }

  /** Fails the messages whose time is over, if any. */
  #dropAborted(known: Pick<Judgement, 'exitCode' | 'stderr'>): boolean {
    const aborted = [...this.#tasks.values()].filter(({ signal }) => signal.aborted);
    for (const task of aborted) this.#finish(task, { verdict: 'retry', reason: abortReason(task.signal) ?? 'stopped', ...known });
    return aborted.length > 0;
  }

  /** A program that never answers must not be started again without a pause. */
  #pauseBeforeStart(): void {
    this.#pausing = setTimeout(() => {
      this.#pausing = undefined;
      if (this.#tasks.size > 0) this.#life = this.#live();
    }, this.#pause);
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
  }

  #abandon(error: unknown): void {
    const tasks = [...this.#tasks.values()];
    this.#tasks.clear();
    // The machine is short of processes: not the fault of the messages.
    const short = error instanceof Failure && error.kind === 'later';
    for (const { resolve, reject } of tasks) {
      if (short) resolve({ verdict: 'requeue', reason: error.message });
      else reject(error);
    }
  }
}

export interface ProgramAnswer {
  readonly id: number;
  readonly verdict: Verdict;
  readonly reason: string | undefined;
}

const LONGEST = 1_048_576;
const SHOWN = 120;

/** Splits a program's output into answers, a line each; throws an error for people for an invalid one. */
class AnswerReader {
  #rest = '';
  readonly #decoder = new TextDecoder();

  read(chunk: Buffer, take: (answer: ProgramAnswer) => void): void {
    const text = this.#rest + this.#decoder.decode(chunk, { stream: true });
    let start = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      const line = text.slice(start, end);
      start = end + 1;
      if (line.trim() !== '') take(parseAnswer(line));
    }
    this.#rest = text.slice(start);
    if (this.#rest.length > LONGEST) throw new Error(`it printed a line of more than ${LONGEST} characters`);
  }
}

function parseAnswer(line: string): ProgramAnswer {
  let answer: unknown;
  try {
    answer = JSON.parse(line);
  } catch {
    throw new Error(`it printed a line that is not an answer: ${shortened(line)}`);
  }
  const { id, verdict, reason } = (typeof answer === 'object' && answer !== null ? answer : {}) as Readonly<Record<string, unknown>>;
  if (typeof id !== 'number' || !isVerdict(verdict)) throw new Error(`its answer has no id or no verdict of ack, retry, requeue and dead: ${shortened(line)}`);
  return { id, verdict, reason: typeof reason === 'string' ? reason : undefined };
}

function shortened(line: string): string {
  return line.length > SHOWN ? `${line.slice(0, SHOWN)}…` : line;
}

/** Milliseconds that a program may live after it closed a pipe: most then end by themselves. */
const HUNG_UP = 1_000;

interface ResidentConfig extends Omit<SlotConfig, 'onExit'> {
  /** An error that it throws is a fault of the program, which then has to end. */
  readonly onAnswer: (answer: ProgramAnswer) => void;
}

export interface ProgramEnd extends Pick<ProgramRun, 'code' | 'signal' | 'stderr'> {
  /** The rule that it broke. */
  readonly fault: string | undefined;
}

/** One run of a program that stays. */
class Resident {
  /** Resolves once it has ended and its output is read. */
  readonly ended: Promise<ProgramEnd>;
  readonly #group: ProcessGroup;
  readonly #stdin: Started['pipes'][number];
  #outbox = '';
  #ending = false;
  #fault: string | undefined;
  /** True once no more messages come: it may close its pipes then. */
  #finished = false;
  #hungUp: NodeJS.Timeout | undefined;

  /** @throws Failure `unfound`, `unexecutable` or `later`, as a program for each message */
  static async start(config: ResidentConfig): Promise<Resident> {
    return new Resident(await start(config.command, ['reads', 'writes', 'writes'], outerEnvironment()), config);
  }

  private constructor({ child, pipes: [stdin, stdout, stderr], fds: [input] }: Started, { patience, emit, onAnswer }: ResidentConfig) {
    const tail = tailOf(stderr, emit);
    const reader = new AnswerReader();
    this.#stdin = stdin;
    this.#group = groupOf(child, { patience });
    stdout?.on('data', (chunk: Buffer) => {
      if (this.#fault !== undefined) return;
      try {
        reader.read(chunk, onAnswer);
      } catch (error) {
        this.#fault = (error as Error).message;
        this.end();
      }
    });
    stdout?.once('end', () => this.#hangUp('it closed its standard output and did not end: its answers could not be read'));
    const deaf = (): void => this.#hangUp('it closed its standard input and did not end: no message could reach it');
    stdin?.once('error', deaf);
    // A write fails, but the next message may never come.
    const looking = setInterval(() => {
      if (stdin?.destroyed === false && input !== undefined && !hasReader(input)) deaf();
    }, HUNG_UP);
    this.ended = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.#ending = true;
        clearTimeout(this.#hungUp);
        clearInterval(looking);
        this.#group.over();
        stdin?.destroy();
        // Answers that it gave before it ended still count.
        void drained([stdout, stderr]).then(() =>
          resolve({ code: exitCodeOf(code, signal), signal: signal ?? undefined, stderr: tail.text, fault: this.#fault }),
        );
      });
    });
  }

  /** True when it has ended, or has to: it gets no more messages. */
  get ending(): boolean {
    return this.#ending;
  }

  send(line: string): void {
    // One write for everything of one turn.
    if (this.#outbox === '') setImmediate(() => this.#flush());
    this.#outbox += line;
  }

  /** No more messages come. */
  finish(): void {
    this.#finished = true;
    this.#flush();
    this.#stdin?.end();
  }

  end(): void {
    this.#ending = true;
    this.#group.end();
  }

  /** It closed a pipe: it gets nothing more, and has to end. */
  #hangUp(fault: string): void {
    if (this.#finished || this.#ending) return;
    this.#ending = true;
    this.#hungUp = setTimeout(() => {
      this.#fault ??= fault;
      this.end();
    }, HUNG_UP);
  }

  #flush(): void {
    if (this.#outbox !== '') this.#stdin?.write(this.#outbox);
    this.#outbox = '';
  }
}
