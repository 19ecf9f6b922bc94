import { join } from 'node:path';
import { linesOf } from '../../support/programs.ts';
import type { Findings } from '../fault.ts';
import { type Act, bodyOf, emptied, filled, idsOf, repeated, type Stage, summaryOf, untilDepth, warned } from '../stage.ts';

interface Counts {
  readonly seen: number;
  readonly moved: number;
  readonly doubled: number;
  readonly inBoth: number;
  readonly resent: number;
  readonly unknown: number;
}

/** `rmq dlx replay --to-queue --journal`: each message is in the source or in the target; what is in both is told, by a count or by the journal. */
export async function replay(stage: Stage): Promise<Act> {
  const { messages, url, forgets = false } = stage;
  const ids = idsOf(messages);
  const source = await filled(stage, ids, 'dead');
  const target = await filled(stage, [], 'target');
  const journal = join(stage.directory, 'journal');
  return {
    argv: ['dlx', 'replay', source, '--to-queue', target, '--journal', journal, '--json'],
    bytes: messages * 300,
    begun: (run) => untilDepth(stage, run, target, 1),
    judge: async (ended, { stdout, end }): Promise<Findings> => {
      const bodies = ids.map(bodyOf);
      // What is on its way is still in the source.
      const inSource = await emptied(url, source, () => true);
      const left = new Set(inSource);
      const arrived = new Set<string>();
      const isAllThere = (all: readonly string[]): boolean => {
        for (const body of all) arrived.add(body);
        return bodies.every((body) => arrived.has(body) || left.has(body));
      };
      const inTarget = await emptied(url, target, () => true);
      // What a connection held that was lost comes back when the broker has noticed.
      if (!isAllThere(inTarget))
        for (const body of await emptied(url, source, (all) => bodies.every((body) => arrived.has(body) || left.has(body) || all.includes(body))))
          left.add(body);
      const counts = summaryOf<Counts>(ended.stdout);
      const untrue: string[] = [];
      const wrong: string[] = [];
      const gone = bodies.filter((body) => !left.has(body)).length;
      if (counts !== undefined && end) {
        const { moved, unknown, inBoth } = counts;
        if (moved > gone && !forgets) untrue.push(`${gone} are gone: ${JSON.stringify(counts)}`);
        if (gone > moved + unknown + inBoth) untrue.push(`${gone} are gone: ${JSON.stringify(counts)}`);
      }
      if (end && ended.code === 0 && left.size > 0 && !forgets) wrong.push(`exit 0 with ${left.size} left`);
      if (end && ended.code === 0 && stdout && counts?.moved !== messages) wrong.push(`exit 0 with ${JSON.stringify(counts)}`);
      const journaled = await confirmed(journal);
      const unjournaled = ids.filter((id) => !left.has(bodyOf(id)) && !journaled.has(id)).length;
      if (unjournaled > 0) untrue.push(`${unjournaled} left the source without a line in the journal`);
      const twice = repeated(inTarget) + [...left].filter((body) => arrived.has(body)).length;
      // A lost connection sends once more what has no confirm; the journal names what a killed run may have left in both places.
      const said = !end
        ? journaled.size
        : warned(ended)
          ? twice
          : (counts?.doubled ?? 0) + (counts?.inBoth ?? 0) + (counts?.resent ?? 0) + (counts?.unknown ?? 0);
      const told = Math.min(twice, said);
      return { lost: bodies.filter((body) => !left.has(body) && !arrived.has(body)).length, told, untold: twice - told, untrue, wrong };
    },
  };
}

/** The ids of which the journal says that the target has them. */
export async function confirmed(journal: string): Promise<Set<string>> {
  return new Set(
    (await linesOf(journal)).flatMap((line) => {
      try {
        const { outcome, messageId } = JSON.parse(line) as { outcome: string; messageId: string };
        return ['confirmed', 'moved', 'doubled'].includes(outcome) ? [messageId] : [];
      } catch {
        // A KILL may cut the last line.
        return [];
      }
    }),
  );
}
