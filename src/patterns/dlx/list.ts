import * as z from 'zod/mini';
import type { ManagementApi } from '../../management/api.ts';
import type { Policy, QueueFacts } from '../../management/facts.ts';
import { Failure } from '../../model/failure.ts';
import type { FieldValue } from '../../model/message/message.ts';
import { formatNumber, formatSize } from '../../model/quantity.ts';
import { queueName } from '../names.ts';
import { isWaitingQueue } from '../waiting-queue.ts';
import { type Routes, reached, routesOf } from './routes.ts';

/** Why dead letters of a queue are lost, or will be. */
export interface DeadLetteringProblem {
  readonly kind: 'no-dead-lettering' | 'no-exchange' | 'no-binding' | 'no-queue' | 'own-queue' | 'full';
  readonly text: string;
}

/** Advice: may be intended, but worth knowing. */
export interface DeadLetteringAdvice {
  readonly kind: 'no-ttl' | 'full';
  readonly text: string;
}

/** A queue in which dead letters arrive. */
export interface DeadLetterTarget {
  readonly queue: string;
  /** Some seconds old; null before the broker has counted. */
  readonly depth: number | null;
  /** Milliseconds; null: for ever. */
  readonly ttl: number | null;
  readonly maxLength: number | null;
  readonly maxLengthBytes: number | null;
}

/** How one queue dead-letters. */
export interface DeadLettering {
  readonly queue: string;
  readonly type: string;
  /** Null when it does not. */
  readonly exchange: string | null;
  /** Null: each message keeps its own. */
  readonly routingKey: string | null;
  readonly by: 'argument' | 'policy' | null;
  readonly policy: string | null;
  readonly targets: readonly DeadLetterTarget[];
  readonly problems: readonly DeadLetteringProblem[];
  readonly advice: readonly DeadLetteringAdvice[];
}

/**
 * Every queue of the vhost that dead-letters, by argument or by policy, the target of its dead letters, and what is wrong with it.
 *
 * @throws Failure `missing` for a named queue that does not exist, and as the management API gives it
 */
export async function listDeadLetters(api: ManagementApi, { queue: wanted }: DlxListConfig): Promise<readonly DeadLettering[]> {
  const { world, listed } = await worldOf(api, wanted);
  return listed.map((queue) => describe(world, queue));
}

/** The queues in which dead letters arrive for good: neither those in which messages wait, nor those to which only such messages come back. */
export async function deadLetterQueues(api: ManagementApi): Promise<readonly string[]> {
  const { world, listed } = await worldOf(api, []);
  const [waiting, failing] = [listed.filter(isWaitingQueue), listed.filter((queue) => !isWaitingQueue(queue))];
  const found = new Set(failing.flatMap((queue) => describe(world, queue).targets.map((target) => target.queue)));
  for (const { name } of waiting) found.delete(name);
  return [...found].sort();
}

async function worldOf(api: ManagementApi, wanted: readonly string[]): Promise<{ readonly world: World; readonly listed: readonly QueueFacts[] }> {
  const [queues, exchanges, bindings, policies, operator] = await Promise.all([
    api.queues(),
    api.exchanges(),
    api.bindings(),
    api.policies(),
    api.operatorPolicies(),
  ]);
  const absent = wanted.find((name) => !queues.some((queue) => queue.name === name));
  if (absent !== undefined) throw new Failure('missing', `there is no queue "${absent}" in the vhost "${api.vhost}"`);
  const names = queues.map(({ name }) => name);
  const world: World = {
    sized: new Map(),
    queues: new Map(queues.map((queue) => [queue.name, queue])),
    routes: routesOf(names, exchanges, bindings, policies),
    operator: new Map(operator.map((policy) => [policy.name, policy])),
  };
  const listed = queues
    .filter((queue) => (wanted.length === 0 ? settingOf(world, queue, 'dead-letter-exchange') !== undefined : wanted.includes(queue.name)))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const name of boundByBytes(world, listed)) {
    const facts = await api.queue(name);
    if (facts !== undefined) world.sized.set(name, facts);
  }
  return { world, listed };
}

/** Lists of the API lack the bytes of a queue: queues whose bytes matter are asked for one by one. */
function boundByBytes(world: World, listed: readonly QueueFacts[]): ReadonlySet<string> {
  const targets = listed.flatMap((queue) => describe(world, queue).targets);
  return new Set(targets.filter(({ maxLengthBytes }) => maxLengthBytes !== null).map(({ queue }) => queue));
}

interface World {
  /** Single queues, with their bytes. */
  readonly sized: Map<string, QueueFacts>;
  readonly queues: ReadonlyMap<string, QueueFacts>;
  readonly routes: Routes;
  readonly operator: ReadonlyMap<string, Policy>;
}

function describe(world: World, queue: QueueFacts): DeadLettering {
  const exchange = settingOf(world, queue, 'dead-letter-exchange');
  const key = settingOf(world, queue, 'dead-letter-routing-key');
  const of = { queue: queue.name, type: queue.type };
  if (typeof exchange !== 'string') {
    const text = 'it has no dead-letter exchange: rejected messages are lost';
    return { ...of, exchange: null, routingKey: null, by: null, policy: null, targets: [], problems: [{ kind: 'no-dead-lettering', text }], advice: [] };
  }
  const byArgument = typeof queue.arguments['x-dead-letter-exchange'] === 'string';
  const routingKey = typeof key === 'string' ? key : undefined;
  const targets = reached(world.routes, exchange, routingKey).map((name) => targetOf(world, name));
  return {
    ...of,
    exchange,
    routingKey: routingKey ?? null,
    by: byArgument ? 'argument' : 'policy',
    policy: byArgument ? null : (queue.policy ?? null),
    targets,
    ...findingsOf(world, queue, targets, () => unreached(world, exchange, routingKey)),
  };
}

type Findings = Pick<DeadLettering, 'problems' | 'advice'>;

function findingsOf(world: World, queue: QueueFacts, targets: readonly DeadLetterTarget[], lost: () => DeadLetteringProblem): Findings {
  if (targets.length === 0) return { problems: [lost()], advice: [] };
  if (targets.every((target) => target.queue === queue.name)) {
    const text = 'its dead letters come back into it: rejected messages circulate without end, and expired ones are dropped';
    return { problems: [{ kind: 'own-queue', text }], advice: [] };
  }
  const found = targets.map((target) => findingsAt(world, target, isWaitingQueue(queue) ? 'message' : 'dead letter'));
  // What waits is no dead letter: its target is a queue with work.
  if (isWaitingQueue(queue)) return { problems: [], advice: found.flatMap(({ problems }) => problems.map(({ text }) => ({ kind: 'full', text }))) };
  return { problems: found.flatMap(({ problems }) => problems), advice: found.flatMap(({ advice }) => advice) };
}

function unreached({ routes }: World, exchange: string, key: string | undefined): DeadLetteringProblem {
  if (exchange === '') {
    return key === undefined
      ? { kind: 'own-queue', text: 'it has no dead-letter routing key: a message goes back to the queue that its own key names' }
      : { kind: 'no-queue', text: `there is no queue "${key}"` };
  }
  if (!routes.exchanges.has(exchange)) return { kind: 'no-exchange', text: `there is no exchange "${exchange}"` };
  return { kind: 'no-binding', text: `no queue is bound to "${exchange}"${key === undefined ? '' : ` for the key "${key}"`}` };
}

function targetOf(world: World, name: string): DeadLetterTarget {
  const queue = world.queues.get(name);
  return {
    queue: name,
    depth: queue?.messages ?? null,
    ttl: queue === undefined ? null : limitOf(world, queue, 'message-ttl'),
    maxLength: queue === undefined ? null : limitOf(world, queue, 'max-length'),
    maxLengthBytes: queue === undefined ? null : limitOf(world, queue, 'max-length-bytes'),
  };
}

function findingsAt(world: World, { queue: name, ttl, maxLength, maxLengthBytes }: DeadLetterTarget, what: string): Findings {
  const queue = world.queues.get(name);
  if (queue === undefined) return { problems: [], advice: [] };
  const full = fullness(world.sized.get(name) ?? queue, maxLength, maxLengthBytes);
  const refuses = String(settingOf(world, queue, 'overflow') ?? '').startsWith('reject-publish');
  const loses = refuses ? `it refuses further ${what}s` : `each further ${what} pushes out the oldest one`;
  // A queue that dead-letters too is a stop on the way, such as a pause before the next attempt.
  const isEnd = settingOf(world, queue, 'dead-letter-exchange') === undefined;
  const piles =
    maxLength === null && maxLengthBytes === null ? 'dead letters pile up until the disk is full' : `dead letters stay until it is full, and then ${loses}`;
  return {
    problems: full === undefined ? [] : [{ kind: 'full', text: `"${name}" is full (${full}): ${loses}` }],
    advice: isEnd && ttl === null && queue.type !== 'stream' ? [{ kind: 'no-ttl', text: `"${name}" has no TTL: ${piles}` }] : [],
  };
}

/** The limit that a queue has reached, in words. */
function fullness({ ready, readyBytes }: QueueFacts, maxLength: number | null, maxLengthBytes: number | null): string | undefined {
  if (maxLength !== null && ready !== undefined && ready >= maxLength) return formatNumber(maxLength);
  if (maxLengthBytes === null || readyBytes === undefined) return undefined;
  // Never filled to the last byte: it is full when one more message of average size does not fit.
  const another = ready === undefined || ready === 0 ? 1 : readyBytes / ready;
  return readyBytes + another > maxLengthBytes ? formatSize(maxLengthBytes) : undefined;
}

/** The effective value for a queue: its argument, else its policy. */
function settingOf({ routes }: World, { arguments: args, policy }: QueueFacts, name: string): FieldValue | undefined {
  return args[`x-${name}`] ?? routes.policies.get(policy ?? '')?.definition[name];
}

/** The lowest limit for a queue; null without any. */
function limitOf({ routes, operator }: World, { arguments: args, policy, operatorPolicy }: QueueFacts, name: string): number | null {
  const all = [args[`x-${name}`], routes.policies.get(policy ?? '')?.definition[name], operator.get(operatorPolicy ?? '')?.definition[name]];
  const limits = all.filter((value) => typeof value === 'number');
  return limits.length === 0 ? null : Math.min(...limits);
}

/** The options of `rmq dlx list`: the queues to look at; absent: every queue that dead-letters. */
export const DlxListConfig = z.strictObject({ queue: z._default(z.array(queueName), []) });
export type DlxListConfig = z.output<typeof DlxListConfig>;
