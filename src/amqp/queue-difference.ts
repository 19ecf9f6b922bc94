import { Failure } from '../model/failure.ts';
import type { FieldValue } from '../model/message.ts';
import type { QueueSpec } from '../model/topology.ts';
import { onOwnChannel } from './channel.ts';
import type { Connection } from './connection.ts';
import { encodable } from './frame-writer.ts';
import { shownValue } from './queue-probe.ts';

const PRECONDITION_FAILED = 406;
const MOST_QUESTIONS = 32;

/** An argument or a property of a queue in which one that exists is not what was wanted; undefined is not set. */
interface Difference {
  readonly name: string;
  readonly theirs: FieldValue | undefined;
  readonly ours: FieldValue | undefined;
}

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
    if (difference === undefined || differences.has(difference.name)) break;
    differences.set(difference.name, difference);
    next = withTheirs(next, difference);
  }
  if (first === undefined) return;
  if (differences.size === 0) throw first;
  throw new Failure('refused', `the queue "${spec.name}" exists already, and is another one: ${[...differences.values()].map(describe).join('; ')}`, {
    code: PRECONDITION_FAILED,
    hint: 'declare it as it is, or take another name; rmq queue delete makes room for a new one',
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
  if (flag !== undefined) return { name, theirs: shownValue(current) === 'true', ours: spec[flag] === true };
  const ours = spec.arguments[name];
  if (name === '') return undefined;
  const theirs = shownValue(current);
  if (theirs === undefined && current !== 'none') return undefined;
  // Of some arguments the broker shows the digits and not the type.
  return { name, theirs: typeof theirs === 'string' && /^\d+$/.test(theirs) && typeof ours !== 'string' ? Number(theirs) : theirs, ours };
}

function withTheirs(spec: QueueSpec, { name, theirs }: Difference): QueueSpec {
  const flag = FLAGS[name];
  if (flag !== undefined) return { ...spec, [flag]: theirs };
  const { [name]: _, ...others } = spec.arguments;
  return { ...spec, arguments: theirs === undefined ? others : { ...others, [name]: theirs } };
}

function describe({ name, theirs, ours }: Difference): string {
  const current = theirs === undefined ? 'not set' : JSON.stringify(theirs);
  return ours === undefined ? `${name} is ${current}, and was not given` : `${name} is ${current}, not ${JSON.stringify(ours)}`;
}
