import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { Event } from '../../../src/model/event.ts';
import { ReplayConfig, replay } from '../../../src/patterns/dlx/replay/replay.ts';
import { fill } from '../../campaign/stage.ts';
import { brokerUrl, peer } from '../../support/broker.ts';
import { proxy } from '../../support/faults.ts';
import { linesOf, scratchDirectory } from '../../support/programs.ts';
import { testSession } from '../../support/session.ts';

const idsOf = (count: number): string[] => Array.from({ length: count }, (_, index) => `m${index}`);
const isFar = (event: Event): event is Extract<Event, { kind: 'transferring' }> => event.kind === 'transferring' && event.moved > 0;

for (const end of ['source', 'target'] as const) {
  test(`a ${end} connection that is lost comes back: everything arrives, and what is in both places, or sent again, is told`, async (t) => {
    const { queue, take, depth } = await peer(t);
    const [dead, to] = [await queue({}, 'dead'), await queue()];
    const ids = idsOf(3_000);
    await fill(brokerUrl(), dead, ids);
    const faulty = await proxy(t, brokerUrl());
    const [source, target] = [testSession(t, end === 'source' ? faulty.url : undefined), testSession(t, end === 'target' ? faulty.url : undefined)];
    const running = replay(source.session, target.session, ReplayConfig.parse({ queue: dead, toQueue: to, rate: 2_000 }), { elsewhere: true });
    await source.until(isFar);
    // Something is on its way when the connection is lost.
    if (end === 'target') {
      faulty.mute();
      for (const { sent } = faulty; faulty.sent === sent; ) await pause(1);
    }
    faulty.cut();
    const { counts, failure } = await running;
    assert.equal(failure, undefined);
    assert.equal(counts.moved, 3_000);
    assert.equal(await depth(dead), 0);
    const arrived = (await take(to)).map(({ properties }) => properties.messageId as string);
    assert.deepEqual(new Set(arrived), new Set(ids));
    const told = end === 'source' ? counts.doubled : counts.resent;
    assert.ok(arrived.length - ids.length <= told, `${arrived.length - ids.length} duplicates, ${told} told`);
    if (end === 'target') assert.deepEqual([counts.doubled, counts.inBoth, counts.resent > 0], [0, 0, true]);
  });
}

for (const type of ['classic', 'quorum']) {
  test(`the journal tells what is in both places when the connection to a ${type} source is lost again and again`, async (t) => {
    const { queue, take, depth } = await peer(t);
    const [dead, to] = [await queue({ arguments: { 'x-queue-type': type } }, 'dead'), await queue()];
    const ids = idsOf(4_000);
    await fill(brokerUrl(), dead, ids);
    const faulty = await proxy(t, brokerUrl());
    const journal = join(await scratchDirectory(t), 'journal');
    const [source, target] = [testSession(t, faulty.url), testSession(t)];
    const running = replay(source.session, target.session, ReplayConfig.parse({ queue: dead, toQueue: to, rate: 3_000, journal }), { elsewhere: true });
    for (const messages of [200, 1_000, 2_000]) {
      while ((await depth(to)) < messages);
      faulty.cut();
    }
    const { counts, failure } = await running;
    assert.equal(failure, undefined);
    assert.deepEqual([counts.moved, await depth(dead)], [4_000, 0]);
    const all = (await linesOf(journal)).map((line) => JSON.parse(line) as { outcome: string; messageId: string; doubled?: number });
    assert.deepEqual([all[0]?.outcome, all.at(-1)?.outcome, all.at(-1)?.doubled], ['begun', 'ended', counts.doubled]);
    const lines = all.slice(1, -1);
    const of = (wanted: string): string[] => lines.flatMap(({ outcome, messageId }) => (outcome === wanted ? [messageId] : []));
    assert.deepEqual(of('moved').toSorted(), ids.toSorted());
    const arrived = (await take(to)).map(({ properties }) => properties.messageId as string);
    assert.deepEqual(new Set(arrived), new Set(ids));
    // The summary counts what the journal names: each has arrived once more.
    const twice = arrived.filter((id, index) => arrived.indexOf(id) !== index);
    assert.deepEqual(of('doubled').toSorted(), twice.toSorted());
    assert.deepEqual([counts.doubled, counts.inBoth], [twice.length, 0]);
    assert.deepEqual(of('confirmed').toSorted(), arrived.toSorted());
  });
}

for (const end of ['source', 'target'] as const) {
  test(`a ${end} that has gone silent is given up by its heartbeats, and the run goes on over a new connection`, async (t) => {
    const { queue, take, depth } = await peer(t);
    const [dead, to] = [await queue({}, 'dead'), await queue()];
    const ids = idsOf(3_000);
    await fill(brokerUrl(), dead, ids);
    const faulty = await proxy(t, brokerUrl());
    const urls = end === 'source' ? [faulty.url, brokerUrl()] : [brokerUrl(), faulty.url];
    const [source, target] = [testSession(t, `${urls[0]}?heartbeat=1`), testSession(t, `${urls[1]}?heartbeat=1`)];
    const running = replay(source.session, target.session, ReplayConfig.parse({ queue: dead, toQueue: to, rate: 3_000 }), { elsewhere: true });
    await source.until(isFar);
    faulty.stall();
    const { counts, failure } = await running;
    assert.equal(failure, undefined);
    assert.equal(counts.moved, 3_000);
    assert.equal(await depth(dead), 0);
    assert.deepEqual(new Set((await take(to)).map(({ properties }) => properties.messageId as string)), new Set(ids));
  });
}
