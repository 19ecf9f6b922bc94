import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { peer } from '../support/broker.ts';
import { inside } from '../support/inside.ts';
import { linesOf, scratchDirectory } from '../support/programs.ts';
import { jsonLines, rmq } from '../support/rmq.ts';

interface Line {
  readonly properties: { readonly timestamp?: number | string; readonly headers?: Readonly<Record<string, unknown>> };
  readonly types?: Readonly<Record<string, string>>;
  readonly body: string;
}

/** `DateTime.MinValue` of .NET, which its client writes as the 64 bits of -62135596800. */
const MIN_VALUE = '18446744011573954816';
const MAX_UINT64 = '18446744073709551615';

/** One in a single frame, and one whose body takes several: they are read in different ways. */
const BODIES = ['small', `large ${'x'.repeat(300_000)}`];

const exactly = (timestamp: number | string): Line['properties'] => ({
  timestamp,
  headers: {
    least: { '!': 'int64', value: '-9223372036854775808' },
    most: { '!': 'int64', value: '9223372036854775807' },
    first: { '!': 'timestamp', value: MIN_VALUE },
    past: { '!': 'timestamp', value: '9007199254740993' },
    price: { '!': 'decimal', value: { places: 255, digits: 4_294_967_295 } },
    nested: {
      list: [{ '!': 'timestamp', value: MAX_UINT64 }, [{ '!': 'int64', value: '-9007199254740993' }], { deep: { '!': 'int64', value: '9007199254740993' } }],
    },
  },
});

const ENVELOPES = BODIES.flatMap((body) =>
  [MIN_VALUE, MAX_UINT64, '9007199254740992', 9_007_199_254_740_991, 0].map((timestamp) => ({ properties: exactly(timestamp), body })),
);

/** Publishes them to a queue, as a line each. */
async function publishExact(queue: string): Promise<void> {
  const published = await inside(['publish', '-q', queue, '--envelopes'], { input: ENVELOPES.map((envelope) => JSON.stringify(envelope)).join('\n') });
  assert.equal(published.code, 0, published.stderr);
}

/** What a line says of the values that were published: other headers may have come beside them. */
function exactPart({ properties: { timestamp, headers = {} }, body }: Line): unknown {
  const names = Object.keys(exactly(0).headers ?? {});
  return { properties: { timestamp, headers: Object.fromEntries(names.map((name) => [name, headers[name]])) }, body };
}

async function holdsExactly(queue: string): Promise<void> {
  const shown = await inside(['consume', queue, '--drain', '-o', 'json']);
  assert.equal(shown.code, 0, shown.stderr);
  const byBody = (lines: readonly unknown[]): string[] => lines.map((line) => JSON.stringify(line)).sort();
  assert.deepEqual(byBody(jsonLines<Line>(shown).map(exactPart)), byBody(ENVELOPES.map((envelope) => exactPart(envelope))));
}

async function queues(t: TestContext, options: { readonly arguments?: Readonly<Record<string, unknown>> } = {}): Promise<readonly [string, string]> {
  const { queue } = await peer(t);
  return [await queue(options), await queue()];
}

for (const type of ['classic', 'quorum']) {
  test(`values of 64 bits survive a pipe of envelopes, on a ${type} queue`, async (t) => {
    const [from, to] = await queues(t, { arguments: { 'x-queue-type': type } });
    await publishExact(from);
    const exported = await inside(['consume', from, '--drain', '-o', 'json']);
    assert.deepEqual(
      jsonLines<Line>(exported).map(exactPart),
      ENVELOPES.map((envelope) => exactPart(envelope)),
    );
    const imported = await inside(['publish', '--envelopes', '-q', to], { input: exported.output });
    assert.equal(imported.code, 0, imported.stderr);
    await holdsExactly(to);
  });
}

test('values of 64 bits survive dlx move and dlx replay', async (t) => {
  const [from, to] = await queues(t);
  await publishExact(from);
  const moved = await rmq(['dlx', 'move', from, to]);
  assert.equal(moved.code, 0, moved.stderr);
  const replayed = await rmq(['dlx', 'replay', to, '--to-queue', from]);
  assert.equal(replayed.code, 0, replayed.stderr);
  await holdsExactly(from);
});

test('values of 64 bits survive a bundle, be it of dlx export or of dlx purge --export-to', async (t) => {
  const [from, to] = await queues(t);
  await publishExact(from);
  const directory = await scratchDirectory(t);
  const [copy, last] = [join(directory, 'copy'), join(directory, 'last')];
  assert.equal((await inside(['dlx', 'export', from, '-d', copy])).code, 0);
  const purged = await inside(['dlx', 'purge', from, '--export-to', last, '-y']);
  assert.equal(purged.code, 0, purged.stderr);
  for (const bundle of [copy, last]) {
    const imported = await inside(['dlx', 'import', bundle, '-q', to]);
    assert.equal(imported.code, 0, imported.stderr);
    await holdsExactly(to);
  }
});

test('values of 64 bits survive the attempts of a worker, and its dead letters', async (t) => {
  const { channel, queue } = await peer(t);
  const [dead, name] = [await queue(), await queue({}, 'placeholder')];
  await channel.deleteQueue(name);
  await channel.assertQueue(name, { durable: true, deadLetterExchange: '', deadLetterRoutingKey: dead });
  t.after(async () => (await peer(t)).channel.deleteQueue(`${name}.retry.1`));
  await publishExact(name);
  const log = join(await scratchDirectory(t), 'log');
  const count = String(ENVELOPES.length * 2);
  const worked = await inside(['work', 'run', name, '--retries', '1', '--backoff', '1ms', '-n', count, '--fd3', '--', 'sh', '-c', `cat <&3 >> ${log}; exit 1`]);
  assert.equal(worked.code, 0, worked.stderr);
  const seen = (await linesOf(log)).map((line) => JSON.stringify(exactPart(JSON.parse(line) as Line)));
  assert.deepEqual(seen.sort(), [...ENVELOPES, ...ENVELOPES].map((envelope) => JSON.stringify(exactPart(envelope))).sort());
  await holdsExactly(dead);
});

test('a block shows a time before 1970 as a time', async (t) => {
  const { queue } = await peer(t);
  const name = await queue();
  await publishExact(name);
  const shown = await rmq(['consume', name, '-n', '1', '--no-color'], { terminal: true });
  assert.match(shown.stdout, /^timestamp +0001-01-01T00:00:00Z\r$/m);
  assert.match(shown.stdout, /first +0001-01-01T00:00:00Z/);
});
