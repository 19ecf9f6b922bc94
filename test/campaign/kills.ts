import { setTimeout as delay } from 'node:timers/promises';
import { connect } from 'amqplib';
import { start } from '../support/rmq.ts';
import { type Random, seeded } from './random.ts';
import { confirmed } from './roles/replay.ts';

/** A queue of messages that a run is killed over, again and again. */
export interface KilledReplay {
  readonly url: string;
  readonly source: string;
  readonly target: string;
  readonly journal: string;
  readonly kills: number;
  /** Kills happen at most so many milliseconds after a run begins to deliver. */
  readonly within: number;
  readonly random?: Random;
}

/** What was seen after a kill. */
export interface AfterKill {
  readonly inSource: number;
  readonly inTarget: number;
  readonly inBoth: number;
  readonly gone: number;
  /** Messages that left the source and have no line in the journal. */
  readonly unjournaled: number;
}

/**
 * Kills `rmq dlx replay` at random moments and looks, without changing either queue, where the messages with these ids are.
 * The source is looked at first: what is on its way then is still in it.
 */
export async function killReplay(
  ids: readonly string[],
  { url, source, target, journal, kills, within, random = seeded(Date.now()) }: KilledReplay,
): Promise<AfterKill[]> {
  const seen: AfterKill[] = [];
  const model = await connect(url);
  const channel = await model.createChannel();
  const depth = async (): Promise<number> => (await channel.checkQueue(target)).messageCount;
  for (let kill = 0; kill < kills; kill++) {
    const before = await depth();
    const run = start(['dlx', 'replay', source, '--to-queue', target, '--journal', journal, '-u', url], { timeout: 120_000 });
    const failed = run.result.then(
      () => undefined,
      () => undefined,
    );
    // Of the few that come too early, each tells about the begin.
    if (kill % 8 !== 7) while ((await depth()) === before && run.child.exitCode === null);
    await delay(random(within));
    run.child.kill('SIGKILL');
    await failed;
    let found = await look(url, ids, source, target, journal);
    // What a killed client held comes back when its queue has noticed; what is lost stays lost.
    for (const since = performance.now(); found.gone > 0 && performance.now() - since < PATIENCE; ) found = await look(url, ids, source, target, journal);
    seen.push(found);
    if (seen.at(-1)?.inSource === 0) break;
  }
  await model.close();
  return seen;
}

async function look(url: string, ids: readonly string[], source: string, target: string, journal: string): Promise<AfterKill> {
  const [inSource, inTarget] = [await idsIn(url, source), await idsIn(url, target)];
  const moved = await confirmed(journal);
  return {
    inSource: inSource.size,
    inTarget: inTarget.size,
    inBoth: ids.filter((id) => inSource.has(id) && inTarget.has(id)).length,
    gone: ids.filter((id) => !inSource.has(id) && !inTarget.has(id)).length,
    unjournaled: ids.filter((id) => !inSource.has(id) && !moved.has(id)).length,
  };
}

/** The ids of everything in a queue. A killed client's messages come back a moment later, so that the broker must have noticed. */
export async function idsIn(url: string, queue: string): Promise<Set<string>> {
  const model = await connect(url);
  try {
    const channel = await model.createChannel();
    while ((await channel.checkQueue(queue)).consumerCount > 0) await delay(10);
    const ids = new Set<string>();
    // Without one, a quorum queue hands out 2,000 and no more.
    await channel.prefetch(65_535);
    await channel.consume(queue, (message) => ids.add(message?.properties.messageId as string));
    // The last answers of a killed client may still be on their way into a quorum queue: how many there are is known only in the end.
    for (let before = -1, left = 1; left > 0 || ids.size > before; ) {
      before = ids.size;
      await delay(SETTLE);
      left = (await channel.checkQueue(queue)).messageCount;
    }
    // Closing gives everything back in its place, a moment later.
    await channel.close();
    const after = await model.createChannel();
    while ((await after.checkQueue(queue)).messageCount < ids.size) await delay(10);
    return ids;
  } finally {
    await model.close();
  }
}

const SETTLE = 200;
const PATIENCE = 20_000;
