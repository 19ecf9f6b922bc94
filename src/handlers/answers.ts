import type { Verdict } from '../model/verdict.ts';

/** What a program that stays says about one message. */
export interface Answer {
  readonly id: number;
  readonly verdict: Verdict;
  readonly reason: string | undefined;
}

const VERDICTS: readonly unknown[] = ['ack', 'retry', 'requeue', 'dead'] satisfies readonly Verdict[];
const LONGEST = 1_048_576;
const SHOWN = 120;

/** Cuts what a program prints into answers, a line each; throws an error for people when it is none. */
export class AnswerReader {
  #rest = '';
  readonly #decoder = new TextDecoder();

  read(chunk: Buffer, take: (answer: Answer) => void): void {
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

function parseAnswer(line: string): Answer {
  let answer: unknown;
  try {
    answer = JSON.parse(line);
  } catch {
    throw new Error(`it printed a line that is no answer: ${shortened(line)}`);
  }
  const { id, verdict, reason } = (typeof answer === 'object' && answer !== null ? answer : {}) as Readonly<Record<string, unknown>>;
  if (typeof id !== 'number' || !VERDICTS.includes(verdict))
    throw new Error(`its answer has no id or no verdict of ack, retry, requeue and dead: ${shortened(line)}`);
  return { id, verdict: verdict as Verdict, reason: typeof reason === 'string' ? reason : undefined };
}

function shortened(line: string): string {
  return line.length > SHOWN ? `${line.slice(0, SHOWN)}…` : line;
}
