import type { Emit } from '../model/event.ts';
import { type Answer, AnswerReader } from './answers.ts';
import { drained } from './drain.ts';
import { outerEnvironment } from './environment.ts';
import { type Group, groupOf, type Patience } from './group.ts';
import { exitCodeOf, type ProgramRun } from './program.ts';
import { type Started, start } from './start.ts';
import { Tail } from './tail.ts';

/** How long a program may live on that no longer reads or writes, in milliseconds: most that close a pipe are about to end. */
const HUNG_UP = 1_000;

interface ResidentConfig {
  readonly command: readonly string[];
  readonly patience: Patience | undefined;
  readonly emit: Emit;
  /** What it throws is a fault of the program, which then has to end. */
  readonly onAnswer: (answer: Answer) => void;
}

/** How the life of a program ended. */
export interface End extends Pick<ProgramRun, 'code' | 'signal' | 'stderr'> {
  /** What it did that no program may do. */
  readonly fault: string | undefined;
}

/** One life of a program that stays. */
export class Resident {
  /** Resolves once it has ended, and what it had to say has been heard. */
  readonly ended: Promise<End>;
  readonly #group: Group;
  readonly #stdin: Started['pipes'][number];
  #outbox = '';
  #ending = false;
  #fault: string | undefined;
  /** True once nothing more comes for it: what it closes then, it has no more use for. */
  #finished = false;
  #hungUp: NodeJS.Timeout | undefined;

  /** @throws Failure `unfound`, `unexecutable` or `later`, as a program for each message */
  static async start(config: ResidentConfig): Promise<Resident> {
    return new Resident(await start(config.command, ['reads', 'writes', 'writes'], outerEnvironment()), config);
  }

  private constructor({ child, pipes: [stdin, stdout, stderr] }: Started, { patience, emit, onAnswer }: ResidentConfig) {
    const tail = new Tail();
    const reader = new AnswerReader();
    this.#stdin = stdin;
    this.#group = groupOf(child, { patience });
    stderr?.on('data', (chunk: Buffer) => {
      tail.add(chunk);
      emit({ kind: 'handler-output', bytes: chunk });
    });
    stdout?.on('data', (chunk: Buffer) => {
      if (this.#fault !== undefined) return;
      try {
        reader.read(chunk, onAnswer);
      } catch (error) {
        this.#fault = (error as Error).message;
        this.end();
      }
    });
    stdout?.once('end', () => this.#hangUp('it closed its standard output and lived on: nobody could hear its answers'));
    stdin?.once('error', () => this.#hangUp('it closed its standard input and lived on: no message could reach it'));
    this.ended = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.#ending = true;
        clearTimeout(this.#hungUp);
        this.#group.over();
        stdin?.destroy();
        // What it has said before it died still counts.
        void drained([stdout, stderr]).then(() =>
          resolve({ code: exitCodeOf(code, signal), signal: signal ?? undefined, stderr: tail.text, fault: this.#fault }),
        );
      });
    });
  }

  /** True when it has ended, or has to: it is not to be sent anything. */
  get ending(): boolean {
    return this.#ending;
  }

  send(line: string): void {
    // One write for all that arrives in a turn.
    if (this.#outbox === '') setImmediate(() => this.#flush());
    this.#outbox += line;
  }

  /** Nothing more comes. */
  finish(): void {
    this.#finished = true;
    this.#flush();
    this.#stdin?.end();
  }

  end(): void {
    this.#ending = true;
    this.#group.end();
  }

  /** It has closed a pipe: it gets nothing more, and has to end. */
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
