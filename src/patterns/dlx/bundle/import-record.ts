import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Emit } from '../../../model/event.ts';
import { Failure } from '../../../model/failure.ts';
import { uniqueId } from '../../names.ts';
import { openJournal } from '../replay/journal.ts';

/** Has a line for each start of an import, and for what has arrived since. It is beside the manifest, and moves with the bundle. */
export const RECORD = 'imported.ndjson';

/** The target of a bundle. A broker is identified by the name of its cluster and by its port: private nodes share their names. */
export interface ImportTarget {
  readonly cluster: string;
  readonly port: number;
  readonly vhost: string;
  /** Absent: each message goes to where it had been published to. */
  readonly queue?: string;
}

/** What is recorded of the imports of a bundle to one target. */
export interface ImportRecord {
  /** When the last import began, as ISO 8601; undefined without one. */
  readonly begun: string | undefined;
  /** True for a message that has arrived, by its number from 1. */
  readonly has: (number: number) => boolean;
  readonly arrived: number;
  /** How many of the others may have arrived as well, at most: an import that was interrupted recorded no end. */
  readonly doubtful: number;
  /** Records that a message has arrived. */
  readonly add: (number: number) => void;
  /** Records the end, and of how many messages it is unknown whether they arrived; resolves once all of it is on the disk. */
  readonly close: (unknown: number) => Promise<void>;
}

interface Line {
  readonly run?: unknown;
  readonly begun?: unknown;
  readonly bundle?: unknown;
  readonly to?: unknown;
  readonly again?: unknown;
  readonly arrived?: unknown;
  readonly ended?: unknown;
  readonly unknown?: unknown;
}

/** How many confirmed messages are recorded together. A run that is killed leaves more without a record: those whose confirms were still under way. */
const UNWRITTEN = 500;

/**
 * Reads the record of earlier imports, and adds that this one begins: that is on the disk when this resolves. Where the record cannot be written, a note
 * says so.
 *
 * @throws Failure `data` when the record is not a regular file
 */
export async function openRecord(
  directory: string,
  { bundle, to, messages, again }: { readonly bundle: string; readonly to: ImportTarget; readonly messages: number; readonly again: boolean },
  emit: Emit,
): Promise<ImportRecord> {
  const path = join(directory, RECORD);
  const marks = new Uint8Array(messages + 1);
  const state = { begun: undefined as string | undefined, arrived: 0 };
  const mark = (number: number): void => {
    state.arrived += marks[number] === 1 ? 0 : 1;
    marks[number] = 1;
  };
  const place = JSON.stringify(to);
  const lines = await linesOf(path);
  /** How many messages each run may have sent without a record. */
  const runs = new Map<unknown, number>();
  for (const { run, begun, bundle: id, to: there, again: anew, arrived, ended, unknown } of again ? [] : lines) {
    if (typeof begun === 'string') {
      if (id !== bundle || JSON.stringify(there) !== place) continue;
      state.begun = begun;
      if (anew === true) {
        marks.fill(0);
        state.arrived = 0;
        runs.clear();
      }
      runs.set(run, messages);
    } else if (runs.has(run)) {
      if (ended !== undefined) runs.set(run, typeof unknown === 'number' ? unknown : 0);
      for (const [from, to] of rangesIn(arrived)) for (let number = Math.max(1, from); number <= Math.min(to, messages); number++) mark(number);
    }
  }
  const run = uniqueId();
  let fresh: number[] = [];
  let stuck: () => void = () => undefined;
  const unwritable = (error: unknown): undefined => {
    const why = error instanceof Failure ? error.message : String(error);
    emit({ kind: 'note', text: `this import is not recorded in the bundle, and a second one would not be noticed: ${why}` });
    stuck();
    return undefined;
  };
  const journal = state.arrived === messages && messages > 0 ? undefined : await openJournal(path, unwritable).catch(unwritable);
  const begins = { run, begun: new Date().toISOString(), bundle, to, ...(again && { again }) };
  await new Promise<void>((resolve) => {
    stuck = resolve;
    if (journal === undefined) resolve();
    else journal.add(JSON.stringify(begins), resolve);
  });
  const flush = (): void => {
    if (fresh.length > 0) journal?.add(JSON.stringify({ run, arrived: rangesOf(fresh) }));
    fresh = [];
  };
  return {
    begun: state.begun,
    has: (number) => marks[number] === 1,
    arrived: state.arrived,
    doubtful: Math.min(
      messages - state.arrived,
      [...runs.values()].reduce((sum, one) => sum + one, 0),
    ),
    add: (number) => {
      fresh.push(number);
      if (fresh.length >= UNWRITTEN) flush();
    },
    close: async (unknown) => {
      flush();
      journal?.add(JSON.stringify({ run, ended: new Date().toISOString(), ...(unknown > 0 && { unknown }) }));
      await journal?.close();
    },
  };
}

/** Ignores lines that cannot be read, such as one that a run could not finish. */
async function linesOf(path: string): Promise<readonly Line[]> {
  let text: string;
  try {
    const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      if (!(await handle.stat()).isFile()) throw new Failure('data', `${path} is not a regular file`, { hint: 'nothing was published' });
      text = await handle.readFile('utf8');
    } finally {
      await handle.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error instanceof Failure
      ? error
      : new Failure('data', `cannot read ${path}: ${(error as Error).message}`, { hint: 'nothing was published', cause: error });
  }
  return text.split('\n').flatMap((line) => {
    try {
      const value: unknown = JSON.parse(line);
      return typeof value === 'object' && value !== null ? [value as Line] : [];
    } catch {
      return [];
    }
  });
}

/** Numbers as ranges, `[[1,20],[23,23]]`: messages arrive nearly in order. */
function rangesOf(numbers: readonly number[]): readonly (readonly [from: number, to: number])[] {
  const ranges: [number, number][] = [];
  for (const number of [...numbers].sort((one, other) => one - other)) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === number - 1) last[1] = number;
    else ranges.push([number, number]);
  }
  return ranges;
}

function rangesIn(value: unknown): readonly (readonly [from: number, to: number])[] {
  return Array.isArray(value) ? value.filter((one): one is [number, number] => Array.isArray(one) && one.length === 2 && one.every(Number.isSafeInteger)) : [];
}
