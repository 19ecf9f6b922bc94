import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connect } from 'amqplib';
import { brokerUrl, type Peer, peer, unique } from '../../support/broker.ts';
import { inside } from '../../support/inside.ts';
import { linesOf, program, scratchDirectory } from '../../support/programs.ts';
import { json, jsonLines, type Result } from '../../support/rmq.ts';

/** Refuses what it cannot read, asks a stock that may not answer, and writes down what it has shipped. */
const worker = (directory: string): string => `#!/bin/sh
read -r order
case "$order" in
  bad-*) echo "cannot read $order" >&2; exit 65 ;;
  stock-*) [ -e '${directory}/stock' ] || { echo "the stock does not answer" >&2; exit 1; } ;;
esac
echo "$order" >> '${directory}/shipped'
`;

interface Letter {
  readonly redelivered: boolean;
  readonly properties: { readonly headers: Readonly<Record<string, unknown>>; readonly userId?: string };
  readonly types: Readonly<Record<string, string>>;
  readonly body: string;
  readonly death: { readonly deaths: readonly { readonly queue: string; readonly reason: string }[]; readonly replays: number };
}

interface Listed {
  readonly problems: number;
  readonly queues: readonly {
    readonly queue: string;
    readonly exchange: string;
    readonly targets: readonly { readonly queue: string; readonly depth: number }[];
  }[];
}

const PAUSE = '100ms';

/** Names of the test's own; what is declared by them is deleted in the end. */
async function names(t: TestContext): Promise<Peer & { readonly work: string; readonly dead: string; readonly dlx: string }> {
  const [work, dead, dlx] = [unique('orders'), unique('dead'), unique('dlx')];
  const own = await peer(t);
  t.after(async () => {
    const model = await connect(brokerUrl());
    const channel = await model.createChannel();
    for (const queue of [work, dead, `${work}.retry.100`]) await channel.deleteQueue(queue);
    await channel.deleteExchange(dlx);
    await model.close();
  });
  return { ...own, work, dead, dlx };
}

/** Runs a command that has to end so. */
async function ends(code: number, ...args: string[]): Promise<Result> {
  const result = await inside(args);
  assert.equal(result.code, code, `rmq ${args.join(' ')}\n${result.stdout}${result.stderr}`);
  return result;
}

/** What stays the same wherever a dead letter goes: not how often it was handed out. */
function lasting({ redelivered: _, ...letter }: Letter): unknown {
  const withoutCounts = (table: Readonly<Record<string, unknown>>): Record<string, unknown> =>
    Object.fromEntries(Object.entries(table).filter(([name]) => !/^\/?x-(delivery|acquired)-count$/.test(name)));
  // Under which login a worker has published it is said of that publication.
  const { userId: __, ...properties } = letter.properties;
  return { ...letter, properties: { ...properties, headers: withoutCounts(properties.headers) }, types: withoutCounts(letter.types) };
}

for (const type of ['classic', 'quorum']) {
  test(`an operator comes from the alarm to the empty queue: ${type}`, async (t) => {
    const { work, dead, dlx, depth, take } = await names(t);
    const directory = await scratchDirectory(t);
    const [handler, journal, bundle] = [await program(directory, 'ship', worker(directory)), join(directory, 'replay.ndjson'), join(directory, 'incident')];
    const shipped = (): Promise<string[]> => linesOf(join(directory, 'shipped'));
    const run = (count: number): Promise<Result> =>
      ends(0, 'work', 'run', work, '-n', String(count), '--timeout', '50s', '--retries', '1', '--backoff', PAUSE, '--', handler);

    const setup = ['dlx', 'setup', work, '--dlx', dlx, '--dead-queue', dead, '--queue-type', type, '--dead-queue-type', type];
    await ends(0, ...setup, '--verify');
    assert.match((await ends(0, ...setup, '--plan')).stdout, /everything is as it should be/);
    await ends(0, 'consume', dead, '--expect', '0', '--idle', '200ms');

    // An order that nobody takes in time, two that nobody can read, three whose stock does not answer, and two good ones.
    await ends(0, 'publish', '-q', work, '--ttl', '1ms', 'late-1');
    while ((await depth(dead)) < 1);
    for (const order of ['good-1', 'bad-1', 'stock-1', 'stock-2', 'bad-2', 'good-2', 'stock-3']) await ends(0, 'publish', '-q', work, order);
    const worked = await run(10);
    assert.match(worked.stderr, /handled 10 messages .*: 2 acknowledged, 3 retried, 5 dead-lettered/);
    assert.deepEqual(await shipped(), ['good-1', 'good-2']);

    // The alarm: there is no problem, and yet there are dead letters.
    const alarm = await ends(1, 'consume', dead, '--expect', '0', '--idle', '5s');
    assert.match(alarm.stderr, /expected 0 messages, and there are more: 6 messages left in the queue/);
    let listed = json<Listed>(await ends(0, 'dlx', 'list', work, '-o', 'json'));
    while (listed.queues[0]?.targets[0]?.depth !== 6) listed = json<Listed>(await ends(0, 'dlx', 'list', work, '-o', 'json'));
    assert.deepEqual([listed.problems, listed.queues.map(({ queue, exchange }) => [queue, exchange])], [0, [[work, dlx]]]);

    // What is it? Looking leaves everything where it is.
    const letters = jsonLines<Letter>(await ends(0, 'dlx', 'inspect', dead, '-o', 'json'));
    assert.deepEqual(
      letters.map(({ body, death }) => [body, death.deaths.map(({ queue, reason }) => `${reason} in ${queue}`), death.replays]),
      [['late-1', 'expired'], ...['bad-1', 'bad-2', 'stock-1', 'stock-2', 'stock-3'].map((body) => [body, 'rejected'])].map(([body, reason]) => [
        body,
        [`${reason} in ${work}`],
        0,
      ]),
    );
    assert.match(
      (await ends(0, 'dlx', 'inspect', dead)).stdout,
      new RegExp(`^4 .*rejected +${work} +\\(default\\).* 7 B +the stock does not answer +stock-1$`, 'm'),
    );
    assert.deepEqual(jsonLines(await ends(0, 'dlx', 'inspect', dead, '--group-by', 'reason,header:x-rmq-exit-code', '-o', 'json')).map(counted), [
      [3, 'rejected', '1'],
      [2, 'rejected', '65'],
      [1, 'expired', null],
    ]);
    const { stdout: story } = await ends(0, 'dlx', 'inspect', dead, '--show', '4');
    for (const part of [
      new RegExp(`^1\\. Published to the queue "${work}", it was rejected in "${work}", 20\\d\\d-.*ago\\)\\.$`, 'm'),
      new RegExp(`^Then it came into "${dead}", published to exchange "${dlx}" with key "failed"\\.$`, 'm'),
      /^Its worker gave up on attempt 2: .*exit code 1.*$/m,
      /^ {2}the stock does not answer$/m,
      /^stock-1$/m,
    ])
      assert.match(story, part);

    // The stock answers again: what died of it goes back, and nothing else.
    await writeFile(join(directory, 'stock'), '');
    const chosen = ['--reason', 'rejected', '-H', 'x-rmq-exit-code:=1'];
    const dry = json<Record<string, unknown>>(await ends(0, 'dlx', 'replay', dead, ...chosen, '--dry-run', '-o', 'json'));
    assert.deepEqual([dry['would'], dry['seen'], dry['destinations']], [3, 6, [{ exchange: '', routingKey: work, messages: 3 }]]);
    assert.deepEqual([await depth(dead), await depth(work)], [6, 0]);
    const replayed = json<Record<string, unknown>>(await ends(0, 'dlx', 'replay', dead, ...chosen, '--journal', journal, '--json'));
    assert.deepEqual([replayed['moved'], replayed['seen'], replayed['chosen'], replayed['stayed']], [3, 6, 3, {}]);
    assert.equal((await linesOf(journal)).filter((line) => line.includes('"outcome":"moved"')).length, 3);
    const again = await run(3);
    assert.match(again.stderr, /handled 3 messages .*: 3 acknowledged/);
    assert.deepEqual(await shipped(), ['good-1', 'good-2', 'stock-1', 'stock-2', 'stock-3']);

    // The rest is kept in files, and removed.
    const rest = jsonLines<Letter>(await ends(0, 'dlx', 'inspect', dead, '-o', 'json'));
    assert.deepEqual(rest.map(lasting), letters.slice(0, 3).map(lasting));
    assert.equal(json<{ exported: number }>(await ends(0, 'dlx', 'export', dead, '-d', bundle, '-o', 'json')).exported, 3);
    await ends(64, 'dlx', 'purge', dead);
    assert.equal(await depth(dead), 3);
    assert.equal(json<{ purged: number }>(await ends(0, 'dlx', 'purge', dead, '--yes', '-o', 'json')).purged, 3);
    await ends(0, 'consume', dead, '--expect', '0', '--idle', '200ms');
    assert.deepEqual([await depth(dead), await depth(work)], [0, 0]);

    // And should somebody need it after all:
    assert.equal(json<{ confirmed: number }>(await ends(0, 'dlx', 'import', bundle, '--json')).confirmed, 3);
    const back = jsonLines<Letter>(await ends(0, 'dlx', 'inspect', dead, '-o', 'json'));
    assert.deepEqual(back.map(lasting), rest.map(lasting));
    assert.deepEqual(
      (await take(dead)).map(({ content }) => content.toString()),
      ['late-1', 'bad-1', 'bad-2'],
    );
  });
}

function counted(group: unknown): unknown[] {
  const { count, reason, 'header:x-rmq-exit-code': code } = group as Record<string, unknown>;
  return [count, reason, code];
}
