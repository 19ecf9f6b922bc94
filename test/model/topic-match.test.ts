import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { describeMismatch, explainMatch, matchTopic } from '../../src/model/topic-match.ts';
import { isSince, type Peer, peer, unique } from '../support/broker.ts';

/** Few words, so that many pairs match, and all that could be taken for something else. */
const word = fc.constantFrom('', 'a', 'b', 'order', '\u00e4\u{1f407}', ' ', 'a*', '#b', '**', '##');
const patternWord = fc.oneof({ weight: 4, arbitrary: word }, { weight: 2, arbitrary: fc.constant('*') }, { weight: 2, arbitrary: fc.constant('#') });
const pattern = fc.array(patternWord, { maxLength: 6 }).map((words) => words.join('.'));
/** In keys, too, the wildcards may stand, where they are words like others. */
const keyWords = fc.array(fc.oneof({ weight: 9, arbitrary: word }, { weight: 1, arbitrary: fc.constantFrom('*', '#') }), { maxLength: 7 });

/** A key that was made to match some pattern, most of the time with something changed. */
const nearKeyWords = fc.tuple(pattern, fc.array(keyWords, { minLength: 6, maxLength: 6 }), fc.nat(3)).map(([like, fillers, change]) => {
  const words = like.split('.').flatMap((one, index) => {
    const [first = 'b', ...more] = fillers[index] ?? [];
    if (one === '#') return more.slice(0, 3);
    return one === '*' ? [first] : [one];
  });
  if (change === 1) words.pop();
  if (change === 2) words.push('a');
  if (change === 3) words[0] = 'b';
  return words;
});
const key = fc.oneof(keyWords, nearKeyWords).map((words) => words.join('.'));

/** For each pattern, the keys that the broker routes to a queue which is bound with it. */
async function routed({ channel, exchange }: Peer, patterns: readonly string[], keys: readonly string[]): Promise<ReadonlySet<string>[]> {
  const [topic, end] = [await exchange('topic'), await exchange('fanout')];
  let ended = 0;
  let finish: () => void = () => undefined;
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const routes: ReadonlySet<string>[] = [];
  for (const one of patterns) {
    const { queue } = await channel.assertQueue(unique('route'), { exclusive: true });
    await channel.bindQueue(queue, topic, one);
    await channel.bindQueue(queue, end, '');
    const route = new Set<string>();
    routes.push(route);
    const take = (fields: { readonly exchange: string; readonly routingKey: string } | undefined): void => {
      if (fields?.exchange === topic) route.add(fields.routingKey);
      else if (++ended === patterns.length) finish();
    };
    await channel.consume(queue, (message) => take(message?.fields), { noAck: true });
  }
  for (const one of keys) channel.publish(topic, one, Buffer.alloc(0));
  channel.publish(end, '', Buffer.alloc(0));
  await finished;
  return routes;
}

/** Compares every pattern with every key; resolves with how many pairs matched. */
async function compare(broker: Peer, patterns: readonly string[], keys: readonly string[]): Promise<number> {
  const routes = await routed(broker, patterns, keys);
  const wrong = patterns.flatMap((one, index) =>
    keys
      .filter((other) => matchTopic(one, other) !== routes[index]?.has(other))
      .map((other) => ({ pattern: one, key: other, routed: routes[index]?.has(other) })),
  );
  assert.deepEqual(wrong.slice(0, 5), [], `${wrong.length} pairs are wrong`);
  return routes.reduce((sum, route) => sum + keys.filter((other) => route.has(other)).length, 0);
}

test('the matcher agrees with the broker on every one of a hundred thousand generated pairs', async (t) => {
  const broker = await peer(t);
  const [patterns, keys] = [150, 250];
  // RabbitMQ refuses a binding key with more than two of these from 4.3.5 on.
  const most = isSince(broker.channel, '4.3.5') ? 2 : Number.POSITIVE_INFINITY;
  const bindable = pattern.filter((one) => one.split('.').filter((each) => each === '#').length <= most);
  let matching = 0;
  const agree = fc.asyncProperty(
    fc.array(bindable, { minLength: patterns, maxLength: patterns }),
    fc.array(key, { minLength: keys, maxLength: keys }),
    async (some, others) => {
      matching += await compare(broker, some, others);
    },
  );
  await fc.assert(agree, { numRuns: 3, endOnFailure: true });
  assert.ok(matching > (3 * patterns * keys) / 20, `only ${matching} pairs match`);
});

test('the matcher agrees with the broker on empty words, on nothing but wildcards, and at 255 bytes', async (t) => {
  const longest = ['a'.repeat(255), '.'.repeat(255), `${'a.'.repeat(127)}a`, `${'\u00e4'.repeat(127)}.`, `${'b.'.repeat(125)}\u{1f407}`];
  const wild = ['', '#', '*', '.', '..', '#.#', '*.#', '#.*', '*.*', '.#', '#.', '.*', '*.', '.#.', '#..#'];
  const patterns = [...wild, ...longest, 'order.#', 'order.europe.*', '*.*.placed', `${'*.'.repeat(127)}*`, `#.${'a.'.repeat(126)}a`, `${'a.'.repeat(126)}a.#`];
  const keys = [
    '',
    '.',
    '..',
    '...',
    '#',
    '*',
    '#.#',
    'a',
    '.a',
    'a.',
    'a..b',
    'order',
    'order.',
    'order.europe.placed',
    'order.asia.cancelled',
    'A',
    ...longest,
  ];
  assert.ok([...patterns, ...keys].every((text) => Buffer.byteLength(text) <= 255));
  assert.ok((await compare(await peer(t), patterns, keys)) > 100);
});

test('a pattern with many wildcards takes no longer than others', () => {
  const started = performance.now();
  assert.equal(matchTopic('#.a.'.repeat(63).slice(0, -1), 'b.'.repeat(127)), false);
  assert.equal(matchTopic(`${'#.'.repeat(127)}a`, 'b.'.repeat(127)), false);
  assert.equal(matchTopic(`${'#.*.'.repeat(63)}#`, 'b.'.repeat(127)), true);
  // Trying all ways would take for ever.
  assert.ok(performance.now() - started < 10_000);
});

const explained: readonly (readonly [pattern: string, key: string, why: string])[] = [
  ['order.europe.*', 'order.asia.placed', 'word 2: "asia" is not "europe"'],
  ['order.europe.*', 'order.europe', 'the key has 2 words; the pattern has 1 more: "*"'],
  ['order.europe.*', '', 'the key has 0 words; the pattern has 3 more: "order.europe.*"'],
  ['order.*', 'order.europe.placed', 'word 3: the pattern ends before "placed"'],
  ['', 'order', 'word 1: the pattern ends before "order"'],
  ['*.*.placed', 'order.asia.cancelled', 'word 3: "cancelled" is not "placed"'],
  ['order.#.placed', 'order.a.b.cancelled', 'word 4: "cancelled" is not "placed"'],
  ['order.#.placed', 'order', '"placed" is nowhere after word 1'],
  ['#.a.*.#', 'b.a', '"a.*" is nowhere in the key'],
  ['a.#.b.#.c', 'a.x.c', '"b" is nowhere after word 1'],
  ['a.', 'a', 'the key has 1 word; the pattern has 1 more: ""'],
];
for (const [pattern, key, why] of explained) {
  test(`"${key}" does not match "${pattern}": ${why}`, () => {
    const mismatch = explainMatch(pattern, key);
    assert.ok(mismatch);
    assert.equal(describeMismatch(mismatch), why);
  });
}
