import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Options } from 'amqplib';
import { brokerUrl, peer, unique } from '../../support/broker.ts';
import { linesOf } from '../../support/programs.ts';
import { CLEAN, type Fault, type Findings, type RoleName, type Round } from '../fault.ts';
import type { Random } from '../random.ts';
import { linesIn } from '../stage.ts';
import type { Ended } from '../watched.ts';

/** A message that a stranger has published. */
interface Poison {
  readonly body: Buffer;
  readonly options?: Options.Publish;
}

const MEBIBYTE = 1_048_576;
const REST = 10;

const deep = (levels: number, inside: unknown = 'bottom'): Record<string, unknown> => {
  let table: Record<string, unknown> = { a: inside };
  for (let level = 1; level < levels; level++) table = { a: table };
  return table;
};

/** Each type that a field of a table can have, with values at its edges. */
const FIELDS = {
  yes: true,
  no: false,
  int8: { '!': 'int8', value: -128 },
  int16: { '!': 'int16', value: -32_768 },
  int32: { '!': 'int32', value: -2_147_483_648 },
  int64: { '!': 'int64', value: -9_007_199_254_740_991 },
  float: { '!': 'float', value: 1.5 },
  double: { '!': 'double', value: Number.MAX_VALUE },
  decimal: { '!': 'decimal', value: { digits: 12_345, places: 255 } },
  timestamp: { '!': 'timestamp', value: 1_700_000_000 },
  bytes: Buffer.from([0, 0xff, 0xfe]),
  nothing: null,
  text: '\u0000\u001b[2J\u202e\u2028',
  list: [1, 'two', [3, { four: [] }]],
  table: { '': '', __proto__x: 1, constructor: { prototype: 1 } },
  'a\nb': 'a key with a line feed',
};

const FORGED = {
  'x-death': [
    {
      count: 9_007_199_254_740_991,
      exchange: '',
      queue: 'elsewhere.retry.1000',
      reason: 'expired',
      'routing-keys': ['elsewhere'],
      time: { '!': 'timestamp', value: 0 },
    },
    'no table',
    { queue: 5, reason: {}, 'routing-keys': 'none', count: -1 },
  ],
  'x-first-death-queue': '\u001b[31mred',
  'x-delivery-count': 2_147_483_647,
  'x-rmq-attempt': 999,
  'x-rmq-origin': '{"queue":"elsewhere"}',
  'x-rmq-stderr': '\u001b]0;title\u0007',
  'x-acquired-count': -5,
  'x-stream-offset': 'x',
};

const POISONS: Readonly<Record<string, (random: Random) => readonly Poison[]>> = {
  'headers 500 levels deep': () => [{ body: Buffer.from('deep'), options: { headers: deep(500) } }],
  'headers 1,200 levels deep': () => [{ body: Buffer.from('deep'), options: { headers: deep(1_200) } }],
  'a list 1,000 levels deep': () => {
    let list: unknown = 1;
    for (let level = 0; level < 1_000; level++) list = [list];
    return [{ body: Buffer.from('deep'), options: { headers: { list } } }];
  },
  'every type of field': () => [{ body: Buffer.from('fields'), options: { headers: FIELDS } }],
  'forged headers': () => [{ body: Buffer.from('forged'), options: { headers: FORGED } }],
  'thousands of headers': (random) => [
    { body: Buffer.from('many'), options: { headers: Object.fromEntries(Array.from({ length: 3_000 + random(1_000) }, (_, index) => [`x-${index}`, index])) } },
  ],
  'a header of 60 kB': () => [{ body: Buffer.from('long'), options: { headers: { long: 'x'.repeat(60_000) } } }],
  'properties of 255 bytes': () => {
    const long = 'ü'.repeat(127);
    return [{ body: Buffer.from('long'), options: { contentType: long, contentEncoding: long, correlationId: long, replyTo: long, type: long, appId: long } }];
  },
  'properties of control characters': () => {
    const nasty = '\u001b[2J\u0000\r\n\u202e\u2028';
    return [
      {
        body: Buffer.from(nasty),
        options: { contentType: nasty, correlationId: nasty, replyTo: nasty, type: nasty, appId: nasty, headers: { [nasty]: nasty } },
      },
    ];
  },
  'bodies that are no UTF-8': (random) =>
    Array.from({ length: 5 }, () => ({ body: randomBytes(1 + random(5_000)), options: { contentType: 'text/plain; charset=utf-8' } })),
  'encodings that are not so': () =>
    ['gzip', 'deflate', 'br', 'utf-16', 'x'.repeat(200)].map((contentEncoding) => ({
      body: Buffer.from('no such thing'),
      options: { contentEncoding, contentType: 'application/json' },
    })),
  'empty bodies': () => Array.from({ length: 5 }, () => ({ body: Buffer.alloc(0), options: {} })),
  'bodies of line feeds and zeros': () => [{ body: Buffer.from('\n\n\0\n\r\n\0') }, { body: Buffer.alloc(100_000, '\n') }],
  'bodies of 15 MB': () => Array.from({ length: 3 }, (_, index) => ({ body: Buffer.alloc(15 * MEBIBYTE, String(index)) })),
  'JSON that is deep': () => [{ body: Buffer.from('['.repeat(50_000) + ']'.repeat(50_000)), options: { contentType: 'application/json' } }],
  'priorities, times and expirations at their edges': () => [
    { body: Buffer.from('edge'), options: { priority: 255, timestamp: Number.MAX_SAFE_INTEGER, expiration: '4294967295' } },
    { body: Buffer.from('edge'), options: { priority: 0, timestamp: 0 } },
  ],
};

/** What each role does with the queue, and how many of its messages it has dealt with. */
interface Deal {
  readonly argv: readonly string[];
  readonly dealt: (ended: Ended) => Promise<number>;
  /** Messages that are in the queue, and in the other one, when it has ended with 0. */
  readonly left: (all: number) => number;
  readonly there?: (all: number) => number;
}

const DEALS: Readonly<Partial<Record<RoleName, (queue: string, other: string, directory: string) => Deal>>> = {
  consume: (queue) => ({ argv: ['consume', queue, '--drain', '-o', 'json'], dealt: async ({ stdout }) => linesIn(stdout).length, left: () => 0 }),
  inspect: (queue) => ({ argv: ['dlx', 'inspect', queue, '-o', 'json'], dealt: async ({ stdout }) => linesIn(stdout).length, left: (all) => all }),
  export: (queue, _, directory) => ({
    argv: ['dlx', 'export', queue, '-d', join(directory, 'out')],
    dealt: async () => {
      const files = (await readdir(join(directory, 'out'))).filter((name) => name.startsWith('messages-'));
      const texts = await Promise.all(files.map((name) => readFile(join(directory, 'out', name), 'utf8')));
      return texts.flatMap(linesIn).length;
    },
    left: (all) => all,
  }),
  replay: (queue, other) => ({
    argv: ['dlx', 'replay', queue, '--to-queue', other, '--json'],
    dealt: async ({ stdout }) => (JSON.parse(stdout) as { moved: number }).moved,
    left: () => 0,
    there: (all) => all,
  }),
  work: (queue, _, directory) => ({
    argv: ['work', 'run', queue, '--drain', '--drop-dead', '--json', '--', 'sh', '-c', `cat >/dev/null; echo done >> ${join(directory, 'log')}`],
    dealt: async () => (await linesOf(join(directory, 'log'))).length,
    left: () => 0,
  }),
};

const ROLES: readonly RoleName[] = ['consume', 'inspect', 'export', 'replay', 'work', 'publish'];

/** Some of ten plain messages, a poisonous one, and the rest: each is dealt with, whichever it is. */
async function poisoned(round: Round, make: (random: Random) => readonly Poison[]): Promise<Findings> {
  const url = brokerUrl();
  const { queue: declare, channel, depth, take } = await peer(round, url);
  const type = round.random(2) === 0 ? 'classic' : 'quorum';
  const [queue, other] = [await declare({ arguments: { 'x-queue-type': type } }, 'poison'), await declare({}, 'other')];
  const before = round.random(REST + 1);
  const plain: readonly Poison[] = Array.from({ length: REST }, (_, index) => ({ body: Buffer.from(`plain ${index}`) }));
  const all = [...plain.slice(0, before), ...make(round.random), ...plain.slice(before)];
  for (const { body, options } of all) channel.sendToQueue(queue, body, { persistent: true, messageId: unique('m'), ...options });
  await (channel as unknown as { waitForConfirms: () => Promise<void> }).waitForConfirms();
  const wrong: string[] = [];
  const untrue: string[] = [];
  const judge = async (ended: Ended, dealt: number, left: number, there: number): Promise<void> => {
    if (ended.code !== 0) wrong.push(`exit ${ended.code}`);
    if (dealt !== all.length) untrue.push(`${dealt} of ${all.length} dealt with`);
    if ((await depth(queue)) !== left) untrue.push(`${await depth(queue)} left, not ${left}`);
    if ((await depth(other)) !== there) untrue.push(`${await depth(other)} in the other queue, not ${there}`);
  };
  const deal = DEALS[round.role]?.(queue, other, round.directory);
  if (deal !== undefined) {
    const ended = await round.start(['-u', url, ...deal.argv]).ended;
    await judge(ended, await deal.dealt(ended).catch(() => -1), deal.left(all.length), deal.there?.(all.length) ?? 0);
  } else {
    // What is consumed and published once more is the same.
    const originals = await round.start(['-u', url, 'consume', queue, '--requeue', '--drain', '-o', 'json']).ended;
    const ended = await round.start(['-u', url, 'publish', '--envelopes', '-q', other], { input: originals.output }).ended;
    await judge(ended, linesIn(originals.stdout).length, all.length, all.length);
    // Some versions deliver by priority.
    const sorted = (bodies: readonly Buffer[]): Buffer => Buffer.concat(bodies.toSorted(Buffer.compare));
    const bodies = (await take(other)).map(({ content }) => content);
    if (!sorted(bodies).equals(sorted(all.map(({ body }) => body)))) untrue.push('a body has changed');
  }
  return { ...CLEAN, untrue, wrong };
}

export const poison: readonly Fault[] = Object.entries(POISONS).map(([name, make]) => ({
  name: `poison: ${name}`,
  group: 'poison',
  roles: ROLES,
  short: 1,
  memory: 512 * MEBIBYTE,
  round: (round) => poisoned(round, make),
}));
