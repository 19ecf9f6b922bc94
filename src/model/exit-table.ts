import { Failure } from './failure.ts';
import { isPlainObject, quote } from './text.ts';
import type { Verdict } from './verdict.ts';

/** What the exit code of a handler's program means for its message. */
export interface ExitTable {
  readonly codes: ReadonlyMap<number, Verdict>;
  readonly other: Verdict;
}

/** 65 is EX_DATAERR and 75 is EX_TEMPFAIL of sysexits.h. */
export const DEFAULT_EXIT_TABLE: ExitTable = {
  codes: new Map<number, Verdict>([
    [0, 'ack'],
    [65, 'dead'],
    [75, 'requeue'],
  ]),
  other: 'retry',
};

/** True for a table such as `parseExitTable` gives. */
export function isExitTable(value: unknown): value is ExitTable {
  if (!isPlainObject(value)) return false;
  const { codes, other } = value as Partial<ExitTable>;
  return codes instanceof Map && [other, ...codes.values()].every((verdict) => typeof verdict === 'string' && VERDICTS.includes(verdict));
}

const VERDICTS: readonly string[] = ['ack', 'retry', 'requeue', 'dead'] satisfies readonly Verdict[];

/**
 * Reads `0=ack,3=dead,*=retry` on top of the default table; `*` stands for every code that is not named.
 *
 * @throws Failure `usage`
 */
export function parseExitTable(text: string): ExitTable {
  if (typeof text !== 'string') throw new Failure('usage', `an exit table is text such as 0=ack,*=retry, got ${quote(text)}`);
  const codes = new Map(DEFAULT_EXIT_TABLE.codes);
  let { other } = DEFAULT_EXIT_TABLE;
  for (const rule of text.split(',')) {
    const [, code, verdict] = /^\s*(\d+|\*)\s*=\s*(\w+)\s*$/.exec(rule) ?? [];
    if (code === undefined || verdict === undefined || Number(code) > 255 || !VERDICTS.includes(verdict)) {
      throw new Failure('usage', `expected CODE=VERDICT rules such as 0=ack,3=dead,*=retry, got "${rule}"`, {
        hint: `codes are 0 to 255 or *; verdicts are ${VERDICTS.join(', ')}`,
      });
    }
    if (code === '*') other = verdict as Verdict;
    else codes.set(Number(code), verdict as Verdict);
  }
  return { codes, other };
}

/** The verdict on an exit code; undefined for 126 and 127 that no rule names: the program cannot be run. */
export function verdictOn(code: number, { codes, other }: ExitTable): Verdict | undefined {
  return codes.get(code) ?? (code === 126 || code === 127 ? undefined : other);
}
