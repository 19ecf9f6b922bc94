import { type Difference, describeDifference } from '../model/difference.ts';
import { Failure } from '../model/failure.ts';
import type { QueueSpec } from '../model/topology.ts';
import { onOwnChannel } from './channel.ts';
import type { Connection } from './connection.ts';
import { encodable } from './frame-writer.ts';
import { shownValue } from './queue-probe.ts';

const PRECONDITION_FAILED = 406;
const MOST_QUESTIONS = 32;

/**
 * Declares a queue; declaring one that exists as it stands here changes nothing.
 *
 * @throws Failure `refused` when it exists otherwise: it names every difference
 */
export async function declareQueue(connection: Connection, spec: QueueSpec): Promise<void> {
  const differences = new Map<string, Difference>();
  let next = spec;
  let first: Failure | undefined;
  // The broker names the first difference only: the next declaration takes over what it says.
  while (differences.size < MOST_QUESTIONS) {
    const refusal = await refusalOf(connection, next);
    if (refusal === undefined) break;
    first ??= refusal;
    const difference = differenceIn(refusal.message, next);
    if (difference === undefined || differences.has(difference.argument)) break;
    differences.set(difference.argument, difference);
    next = withTheirs(next, difference);
  }
  if (first === undefined) return;
  if (differences.size === 0) throw first;
  const told = [...differences.values()].map((difference) => describeDifference(difference));
  throw new Failure('refused', `the queue "${spec.name}" exists with other arguments: ${told.join('; ')}`, {
    code: PRECONDITION_FAILED,
    hint: 'ask for what is there, or take another name; no argument of a queue can be changed: "rmq queue delete" removes it with its messages',
  });
}

async function refusalOf(connection: Connection, { name, durable, exclusive, autoDelete, arguments: args }: QueueSpec): Promise<Failure | undefined> {
  const options = { durable, exclusive: exclusive === true, autoDelete: autoDelete === true, arguments: encodable(args) };
  try {
    await onOwnChannel(connection, (channel) => channel.assertQueue(name, options));
    return undefined;
  } catch (error) {
    if (error instanceof Failure && error.code === PRECONDITION_FAILED) return error;
    throw error;
  }
}

const FLAGS: Readonly<Record<string, 'durable' | 'exclusive' | 'autoDelete'>> = { durable: 'durable', exclusive: 'exclusive', auto_delete: 'autoDelete' };

function differenceIn(text: string, spec: QueueSpec): Difference | undefined {
  const [, name = '', current = ''] = /inequivalent arg '(.*?)' for queue .*? but current is (.*) \(406\)$/s.exec(text) ?? [];
  const flag = FLAGS[name];
  if (flag !== undefined) return { argument: name, theirs: shownValue(current) === 'true', ours: spec[flag] === true };
  const ours = spec.arguments[name] ?? null;
  if (name === '') return undefined;
  const theirs = shownValue(current);
  if (theirs === undefined && current !== 'none') return undefined;
  // Of some arguments the broker shows the digits and not the type.
  const isNumber = typeof theirs === 'string' && /^\d+$/.test(theirs) && typeof ours !== 'string';
  return { argument: name, theirs: isNumber ? Number(theirs) : (theirs ?? null), ours };
}

function withTheirs(spec: QueueSpec, { argument, theirs }: Difference): QueueSpec {
  const flag = FLAGS[argument];
  if (flag !== undefined) return { ...spec, [flag]: theirs };
  const { [argument]: _, ...others } = spec.arguments;
  return { ...spec, arguments: theirs === null ? others : { ...others, [argument]: theirs } };
}
