import { Failure } from '../../model/failure.ts';
import { bytesOf } from '../../model/message/body.ts';
import type { Body, Message, Properties } from '../../model/message/message.ts';
import { checkName, parseProperties, shortText } from '../../model/message/properties.ts';
import { isPlainObject, quote } from '../../model/text.ts';
import { uniqueId } from '../names.ts';

/**
 * A message to send; without an exchange, the routing key names a queue. It is persistent, and has an id, unless its properties say otherwise.
 * Its body is not copied: it must not change until its outcome is known.
 */
export interface Outgoing {
  readonly exchange?: string;
  readonly routingKey: string;
  readonly properties?: Properties;
  readonly body: Body;
}

/** The keys of a message, and those of a delivery: a delivery may be passed on as it is. */
const KEYS = ['exchange', 'routingKey', 'properties', 'body', 'from', 'queue', 'redelivered', 'generation', 'tag', 'offset', 'roundTrip'];

/**
 * A checked copy of a program's message: types do not hold at run time.
 *
 * @throws Failure `data`, naming what is wrong
 */
function checkedMessage(given: unknown): Message {
  return reading(() => {
    const { exchange = '', routingKey, ...content } = membersOf(given, 'a message');
    return { exchange: shortText('exchange', exchange), routingKey: shortText('routingKey', routingKey), ...contentOf(content) };
  });
}

/** A handler's answer: a body alone, or with properties; see `checkedMessage`. */
export function checkedAnswer(given: unknown): Content {
  if (typeof given === 'string' || ArrayBuffer.isView(given)) return { body: bytesOf(given), properties: {} };
  if (given === undefined) throw new Failure('data', 'the handler returned nothing', { hint: "an empty reply is ''" });
  return reading(() => contentOf(membersOf(given, 'an answer')));
}

type Content = Pick<Message, 'body' | 'properties'>;

function membersOf(given: unknown, what: string): Partial<Record<keyof Message, unknown>> {
  if (!isPlainObject(given)) throw new Failure('data', `${what} must be an object, got ${quote(given)}`);
  for (const key of Object.keys(given)) checkName(key, KEYS, `key of ${what}`);
  // Properties that a delivery has not decoded yet are not its own.
  const { exchange, routingKey, properties, body } = given as Partial<Record<keyof Message, unknown>>;
  return { exchange, routingKey, properties, body };
}

function contentOf({ properties = {}, body }: Partial<Record<keyof Message, unknown>>): Content {
  return { properties: parseProperties(properties, new Map()), body: bytesOf(body) };
}

/** The properties alone; see `checkedMessage`. */
export function checkedProperties(given: unknown): Properties {
  return reading(() => parseProperties(given, new Map()));
}

/** Makes messages of a program's messages; see `checkedMessage`. */
export function messageMaker(): (given: unknown) => Message {
  // One id per message, made once: it tells a message that is sent again from a new one.
  const run = uniqueId();
  let number = 0;
  return (given) => {
    const message = checkedMessage(given);
    return { ...message, properties: { deliveryMode: 2, messageId: `${run}-${++number}`, ...message.properties } };
  };
}

/** A getter or a proxy may throw. */
function reading<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure('data', 'the message cannot be read: one of its getters throws', { cause: error });
  }
}
