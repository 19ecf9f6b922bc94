// Sixty looks in any mixture at quorum queues, on the broker of RABBITMQ_URL: node --import tsx test/look-campaign.ts [LOOKS] [SEED]
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { brokerUrl, peer } from './support/broker.ts';
import { rmq } from './support/rmq.ts';
import { policyFor, restrictedUser } from './support/users.ts';

const [looks = 60, seed = Date.now() % 1_000_000] = process.argv.slice(2).map(Number);
const MESSAGES = 20;
const BODIES = Array.from({ length: MESSAGES }, (_, index) => `m${String(index).padStart(2, '0')}`);

/** The same numbers for the same seed (Lehmer's generator). */
let state = seed + 1;
const random = (below: number): number => {
  state = (state * 48_271) % 2_147_483_647;
  return state % below;
};

const KINDS: readonly ((queue: string, other: string, directory: string) => readonly string[])[] = [
  (queue) => ['dlx', 'inspect', queue],
  (queue) => ['dlx', 'inspect', queue, '-n', '3'],
  (queue) => ['dlx', 'inspect', queue, '--show', String(1 + random(MESSAGES))],
  (queue) => ['dlx', 'inspect', queue, '--group-by', 'reason'],
  (queue) => ['consume', queue, '--requeue'],
  (queue) => ['consume', queue, '--requeue', '-n', String(1 + random(MESSAGES))],
  (queue) => ['consume', queue, '--requeue', '--expect', String(MESSAGES), '--timeout', '30s'],
  (queue, other) => ['dlx', 'replay', queue, '--to-queue', other, '--dry-run'],
  (queue, other) => ['dlx', 'move', queue, other, '--id', 'nobody'],
  (queue) => ['dlx', 'purge', queue, '--where', 'body == "nothing"', '-y'],
  (queue, _, directory) => ['dlx', 'export', queue, '-d', directory],
];

const LIMITS: Readonly<Record<string, { readonly arguments?: object; readonly policy?: number }>> = {
  default: {},
  '1': { arguments: { 'x-delivery-limit': 1 } },
  '3': { arguments: { 'x-delivery-limit': 3 } },
  '2 by policy': { policy: 2 },
  '5, 2 by policy': { arguments: { 'x-delivery-limit': 5 }, policy: 2 },
};

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const row = (...cells: readonly (string | number)[]): string =>
  [14, 14, 6, 12, 16, 5, 9].map((width, index) => String(cells[index] ?? '').padEnd(width)).join(' | ');

/** Everything that a user with one kind of queue sees in so many looks. */
async function campaign(t: TestContext, limit: string, user: string): Promise<void> {
  const { arguments: args = {}, policy } = LIMITS[limit] ?? {};
  const { queue, publish, take } = await peer(t);
  const name = await queue({ arguments: { 'x-queue-type': 'quorum', ...args } }, 'looked');
  const other = await queue();
  if (policy !== undefined) await policyFor(t, name, { 'delivery-limit': policy });
  await publish(name, BODIES);
  // The API knows the limit of a queue whatever its user may do.
  const env =
    user === 'all'
      ? { RMQ_URL: brokerUrl() }
      : { RMQ_URL: await restrictedUser(t, { write: '.*', read: '.*' }), RABBITMQ_MANAGEMENT_URL: 'http://127.0.0.1:9/' };
  const directory = mkdtempSync(join(tmpdir(), 'rmq-looks-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const codes = new Map<number, number>();
  let copies = 0;
  for (let look = 0; look < looks; look++) {
    const kind = KINDS[random(KINDS.length)] as (typeof KINDS)[number];
    const result = await rmq(kind(name, other, join(directory, String(look))), { env });
    codes.set(result.code, (codes.get(result.code) ?? 0) + 1);
    // A look is done, or it is refused before it costs anything.
    if (![0, 76, 77].includes(result.code)) say(`look ${look} of ${limit}, ${user} ended with ${result.code}: ${kind.toString()}\n${result.stderr}`);
    if (/at the end of the queue/.test(result.stderr)) copies++;
  }
  const left = (await take(name)).map(({ content }) => content.toString());
  const inOrder = left.every((body, index) => body === BODIES[index]);
  const ends = [...codes].map(([code, times]) => `${times} × ${code}`).join(', ');
  say(row(limit, user, looks, ends, `${copies} said copies`, MESSAGES - new Set(left).size, inOrder ? 'kept' : copies > 0 ? 'by copies' : 'CHANGED'));
  assert.deepEqual(left.toSorted(), BODIES);
  assert.ok(inOrder || copies > 0);
}

say(`seed ${seed}, ${MESSAGES} messages a queue`);
say(row('limit', 'permissions', 'looks', 'exit codes', 'copies', 'lost', 'order'));
for (const limit of Object.keys(LIMITS))
  for (const user of ['all', 'no configure']) test(`${limit}, ${user}`, { timeout: 600_000 }, (t) => campaign(t, limit, user));
