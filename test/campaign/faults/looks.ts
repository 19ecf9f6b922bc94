import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { brokerUrl } from '../../support/broker.ts';
import { policyFor, restrictedUser } from '../../support/users.ts';
import { CLEAN, type Fault, type Findings, type Round } from '../fault.ts';
import { oneOf, type Random } from '../random.ts';
import { bodyOf, fill, idsOf, linesIn, stageOf } from '../stage.ts';

const LOOKS = 30;
const MESSAGES = 20;
const IDS = Array.from({ length: MESSAGES }, (_, index) => `m${String(index).padStart(2, '0')}`);

const KINDS: readonly ((queue: string, other: string, directory: string, random: Random) => readonly string[])[] = [
  (queue) => ['dlx', 'inspect', queue],
  (queue) => ['dlx', 'inspect', queue, '-n', '3'],
  (queue, _, __, random) => ['dlx', 'inspect', queue, '--show', String(1 + random(MESSAGES))],
  (queue) => ['dlx', 'inspect', queue, '--group-by', 'reason'],
  (queue) => ['consume', queue, '--requeue'],
  (queue, _, __, random) => ['consume', queue, '--requeue', '-n', String(1 + random(MESSAGES))],
  (queue) => ['consume', queue, '--requeue', '--expect', String(MESSAGES), '--timeout', '30s'],
  (queue, other) => ['dlx', 'replay', queue, '--to-queue', other, '--dry-run'],
  (queue, other) => ['dlx', 'move', queue, other, '--id', 'nobody'],
  (queue) => ['dlx', 'purge', queue, '--where', 'body == "nothing"', '-y'],
  (queue, _, directory) => ['dlx', 'export', queue, '-d', directory],
];

/** How often a message may be returned: by the queue's arguments, by a policy, or as the broker's version has it. */
const LIMITS: Readonly<Record<string, { readonly arguments?: object; readonly policy?: number }>> = {
  default: {},
  '1': { arguments: { 'x-delivery-limit': 1 } },
  '3': { arguments: { 'x-delivery-limit': 3 } },
  '2 by policy': { policy: 2 },
  '5, 2 by policy': { arguments: { 'x-delivery-limit': 5 }, policy: 2 },
};

/** Looks in any mixture at a quorum queue whose messages may be returned a few times. */
async function looks(round: Round, limit: string): Promise<Findings> {
  const { arguments: args = {}, policy } = LIMITS[limit] ?? {};
  const stage = await stageOf(round, brokerUrl());
  const { queue, take } = stage.peer;
  const name = await queue({ arguments: { 'x-queue-type': 'quorum', ...args } }, 'looked');
  const other = await queue();
  if (policy !== undefined) await policyFor(round, name, { 'delivery-limit': policy });
  await fill(stage.url, name, IDS);
  // The API knows the limit of a queue whatever its user may do.
  const env =
    round.random(2) === 0
      ? { RMQ_URL: stage.url }
      : { RMQ_URL: await restrictedUser(round, { write: '.*', read: '.*' }), RABBITMQ_MANAGEMENT_URL: 'http://127.0.0.1:9/' };
  const wrong: string[] = [];
  let copies = false;
  for (let look = 0; look < LOOKS; look++) {
    const { argv, code, stderr } = await round.start(oneOf(round.random, KINDS)(name, other, join(round.directory, String(look)), round.random), { env }).ended;
    // A look is done, or it is refused before it costs anything.
    if (![0, 76, 77].includes(code)) wrong.push(`look ${look} ended with ${code}: ${argv.join(' ')}`);
    copies ||= stderr.includes('at the end of the queue');
  }
  const left = (await take(name)).map(({ properties }) => properties.messageId as string);
  const distinct = new Set(left);
  const untrue = !copies && left.some((id, index) => id !== IDS[index]) ? ['the order has changed without a copy'] : [];
  return { ...CLEAN, lost: IDS.length - distinct.size, untold: left.length - distinct.size, untrue, wrong };
}

const STOPS = 5;
/** A run has ended by itself after so many milliseconds, most of the time. */
const LONGEST = 500;

/** Looks and drains of a queue at its delivery limit that are stopped at any moment. */
async function stops(round: Round): Promise<Findings> {
  const stage = await stageOf(round, brokerUrl());
  const { queue, take } = stage.peer;
  const other = await queue();
  const ids = idsOf(round.messages);
  const wrong: string[] = [];
  let lost = 0;
  for (let stop = 0; stop < STOPS; stop++) {
    const name = await queue({ arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': 1 } }, 'stopped');
    await fill(stage.url, name, ids);
    const env = { RMQ_URL: stage.url };
    // This uses the one attempt up that each message has.
    await round.start(['dlx', 'inspect', name, '--group-by', 'reason'], { env }).ended;
    const kind = oneOf(round.random, [() => ['consume', name, '--drain'], ...KINDS]);
    const run = round.start(kind(name, other, join(round.directory, String(stop)), round.random), { env });
    await delay(round.random(LONGEST));
    run.child.kill(oneOf(round.random, ['SIGTERM', 'SIGINT', 'SIGHUP']));
    const { argv, code, stdout } = await run.ended;
    if (![0, 1, 76, 129, 130, 143].includes(code)) wrong.push(`it ended with ${code}: ${argv.join(' ')}`);
    const printed = new Set(argv.includes('--drain') ? linesIn(stdout) : []);
    const left = new Set((await take(name)).map(({ properties }) => properties.messageId as string));
    lost += ids.filter((id) => !left.has(id) && !printed.has(bodyOf(id))).length;
  }
  return { ...CLEAN, lost, wrong };
}

const missing = (): string | undefined => (process.env['RABBITMQ_MANAGEMENT_URL'] === undefined ? 'RABBITMQ_MANAGEMENT_URL is not set' : undefined);

export const manyLooks: readonly Fault[] = [
  ...Object.keys(LIMITS).map(
    (limit): Fault => ({ name: `looks, delivery limit ${limit}`, group: 'looks', roles: ['inspect'], missing, round: (round) => looks(round, limit) }),
  ),
  { name: 'looks, stopped at the delivery limit', group: 'looks', roles: ['inspect'], missing, round: stops },
];
