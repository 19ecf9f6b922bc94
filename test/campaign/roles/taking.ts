import type { Findings } from '../fault.ts';
import { bodyOf, counted, emptied, idsOf, repeated, type Seen, type Stage, summaryOf, warned } from '../stage.ts';
import type { Ended } from '../watched.ts';

/** What a run that takes messages has told. */
interface Told {
  readonly received: number;
  readonly acknowledged: number;
  readonly unknown: number;
  readonly others: number;
}

/** What a run has dealt with, and what is left of its messages. */
export interface Taking {
  readonly queue: string;
  /** The bodies that it has written, or that its handlers have seen. */
  readonly dealt: readonly string[];
  /** True for a run that promises to leave nothing when it ends with 0. */
  readonly empties: boolean;
  readonly told: Told | undefined;
}

/** Judges what takes messages off a queue: each is dealt with or still there; what counts as acknowledged is gone; what is gone was told. */
export async function judgeTaking(
  { messages, url, forgets = false }: Stage,
  ended: Ended,
  { stdout, end, stopped = false }: Seen,
  { queue, dealt, empties, told }: Taking,
): Promise<Findings> {
  const bodies = idsOf(messages).map(bodyOf);
  const seen = new Set(dealt);
  const left = await emptied(url, queue, (all) => {
    const there = new Set(all);
    return bodies.every((body) => seen.has(body) || there.has(body));
  });
  const there = new Set(left);
  const untrue: string[] = [];
  const wrong: string[] = [];
  const lost = bodies.filter((body) => !seen.has(body) && !there.has(body)).length;
  const known = new Set(bodies);
  for (const body of seen) if (!known.has(body)) untrue.push(`nobody sent ${JSON.stringify(body.slice(0, 40))}`);
  const gone = bodies.filter((body) => !there.has(body)).length;
  const counts = JSON.stringify(told);
  if (told !== undefined && end) {
    if (told.received !== told.acknowledged + told.unknown + told.others) untrue.push(`${counts} do not add up`);
    if (told.acknowledged > gone && !forgets) untrue.push(`${gone} are gone: ${counts}`);
    if (gone > told.acknowledged + told.unknown) untrue.push(`${gone} are gone: ${counts}`);
  }
  const isDone = end && ended.code === 0 && !stopped;
  if (isDone && empties && there.size > 0 && !forgets) wrong.push(`exit 0 with ${there.size} left`);
  if (isDone && stdout && seen.size < bodies.length) wrong.push(`exit 0 with ${seen.size} of ${bodies.length} dealt with`);
  const twice = repeated(dealt) + [...seen].filter((body) => there.has(body)).length;
  const isTold = !end || warned(ended) || (told?.unknown ?? 0) > 0 || (told?.others ?? 0) > 0;
  // What was written into a pipe that nobody reads counts as written.
  return { lost: stdout ? lost : 0, told: isTold ? twice : 0, untold: isTold ? 0 : twice, untrue, wrong };
}

/** The summary of `consume` and its kind, on standard error. */
export function consumedOf({ stderr }: Ended): Told | undefined {
  const line = /^consumed ([\d,]+) messages? .*$/m.exec(stderr)?.[0];
  if (line === undefined) return undefined;
  return {
    received: counted(line.replace(/^consumed /, ''), 'messages?'),
    acknowledged: counted(line, 'acknowledged'),
    unknown: counted(line, 'unknown'),
    others: counted(line, 'requeued') + counted(line, 'rejected') + counted(line, 'put back'),
  };
}

/** The summary of a worker, on standard output. */
export function workedOf({ stdout }: Ended): Told | undefined {
  const counts = summaryOf<Record<string, number>>(stdout);
  if (counts?.['received'] === undefined) return undefined;
  const { received, acknowledged = 0, unknown = 0, requeued = 0, retried = 0, dead = 0, dropped = 0, rejected = 0, copiedBack = 0 } = counts;
  return { received, acknowledged: acknowledged + dead + dropped + retried, unknown, others: requeued + rejected + copiedBack };
}
