import { isOfDeath, isOfDelivery, partition } from '../message/broker-headers.ts';
import { isTable, numberIn } from '../message/field.ts';
import type { Delivery, FieldTable, FieldValue, Message, Properties } from '../message/message.ts';
import { ATTEMPT_HEADER, EXIT_CODE_HEADER, MOVED_HEADER, ORIGIN_HEADER, REASON_HEADER, STDERR_HEADER, withoutSignature } from './attempt.ts';

/** Counts the replays of a message. */
const REPLAYS_HEADER = 'x-rmq-replays';
/** The last replay of a message: its run, its source queue, and what its copy could not carry in its place. */
const REPLAYED_HEADER = 'x-rmq-replayed';

/** Headers that make the broker route a message to more queues. */
const CARBON_COPIES: ReadonlySet<string> = new Set(['CC', 'BCC']);
/** Headers that a worker adds to a failed message. */
const OF_ATTEMPT: ReadonlySet<string> = new Set([ATTEMPT_HEADER, ORIGIN_HEADER, REASON_HEADER, EXIT_CODE_HEADER, STDERR_HEADER]);

export type PublishAddress = Pick<Message, 'exchange' | 'routingKey'>;

/** How often a message was replayed; 0 for anything but a count. */
export function replaysOf({ headers = {} }: Properties): number {
  const replays = numberIn(headers[REPLAYS_HEADER]);
  return replays !== undefined && Number.isSafeInteger(replays) && replays > 0 ? replays : 0;
}

/** The run that replayed a message last. */
export function replayedBy({ headers = {} }: Properties): FieldValue | undefined {
  const replayed = headers[REPLAYED_HEADER];
  return isTable(replayed) ? replayed['run'] : undefined;
}

/**
 * A dead letter as a new message: at its first attempt, and without a history unless that is asked for. A header keeps what would make the
 * broker drop, refuse or reroute it, and an expiration that would begin again.
 */
export function replayCopy(delivery: Delivery, to: PublishAddress, run: string, keepBrokerHeaders = false): Message {
  const { userId, expiration, headers = {}, ...properties } = delivery.properties;
  const published = keepBrokerHeaders ? headers : partition(headers, isOfDelivery)[1];
  const isLeft = (name: string): boolean => CARBON_COPIES.has(name) || OF_ATTEMPT.has(name) || (isOfDeath(name) && !keepBrokerHeaders);
  const [left, own] = partition(published, isLeft);
  const replayed: FieldTable = { run, queue: delivery.queue, ...before(headers), ...kept(userId, expiration, left) };
  const marks: FieldTable = { [REPLAYS_HEADER]: replaysOf(delivery.properties) + 1, [REPLAYED_HEADER]: replayed };
  return { ...to, body: delivery.body, properties: { ...properties, headers: { ...own, ...marks } } };
}

/**
 * The same message for another queue, with its history: a moved dead letter has still died where it died. What the queue wrote about its
 * delivery is removed unless it is asked for; a header keeps what the broker would refuse, or route elsewhere.
 */
export function movedCopy(delivery: Delivery, to: PublishAddress, keepBrokerHeaders = false): Message {
  return copyTo(to, delivery.body, withoutSignature(delivery.properties), keepBrokerHeaders);
}

function copyTo(to: PublishAddress, body: Buffer, published: Properties, keepBrokerHeaders = false): Message {
  const { userId, headers = {}, ...properties } = published;
  const [left, own] = partition(keepBrokerHeaders ? headers : partition(headers, isOfDelivery)[1], (name) => CARBON_COPIES.has(name));
  const moved = kept(userId, undefined, left);
  const all: FieldTable = Object.keys(moved).length > 0 ? { ...own, [MOVED_HEADER]: moved } : own;
  const isBare = Object.keys(all).length === 0 && (published.headers === undefined || Object.keys(headers).length > 0);
  return { ...to, body, properties: isBare ? properties : { ...properties, headers: all } };
}

/**
 * The same message for the end of its own queue. The copy is published to the queue by name: a header keeps the exchange and the routing key
 * that the message came with. The user id proves whose copy it is.
 */
export function putBackCopy(delivery: Delivery, user: string | undefined): Message {
  const { queue, exchange, routingKey, body } = delivery;
  const { userId, ...others } = delivery.properties;
  const isOwn = user !== undefined && userId === user;
  const isDirect = exchange === '' && routingKey === queue;
  const copyOf = (properties: Properties): Message => copyTo({ exchange: '', routingKey: queue }, body, properties);
  if (isDirect) {
    const copy = copyOf(isOwn ? others : delivery.properties);
    return isOwn ? { ...copy, properties: { ...copy.properties, userId: user } } : copy;
  }
  // Headers that another publisher put there must not become ours: they are kept inside.
  const { [MOVED_HEADER]: earlier, ...published } = delivery.properties.headers ?? {};
  const { properties, ...copy } = copyOf({ ...delivery.properties, headers: published });
  const { [MOVED_HEADER]: left, ...headers } = properties.headers ?? {};
  const { headers: inside, ...moved } = isTable(left) ? left : {};
  const kept = { ...(isTable(inside) && inside), ...(earlier !== undefined && { [MOVED_HEADER]: earlier }) };
  const marks: FieldTable = { exchange, routingKey, ...moved, ...(Object.keys(kept).length > 0 && { headers: kept }) };
  return { ...copy, properties: { ...properties, ...(user !== undefined && { userId: user }), headers: { ...headers, [MOVED_HEADER]: marks } } };
}

/** A message that this user put back, as it was before: undoes `putBackCopy`. A copy by another user is not believed. */
export function asBeforePutBack(delivery: Delivery, user: string | undefined): Delivery {
  const { queue, exchange: from, routingKey: key, redelivered, body, properties } = delivery;
  const { [MOVED_HEADER]: moved, ...headers } = properties.headers ?? {};
  if (from !== '' || key !== queue || !isTable(moved) || user === undefined || properties.userId !== user) return delivery;
  const { exchange, routingKey, userId, headers: left } = moved;
  if (typeof exchange !== 'string' || typeof routingKey !== 'string') return delivery;
  const before = isTable(left) ? { ...headers, ...left } : headers;
  const { headers: _, userId: __, ...others } = properties;
  const own = {
    ...others,
    ...(Object.keys(before).length > 0 && { headers: before }),
    ...(typeof userId === 'string' && { userId }),
  };
  return { queue, redelivered, body, exchange, routingKey, properties: own };
}

function kept(userId: string | undefined, expiration: string | undefined, headers: FieldTable): FieldTable {
  return {
    ...(userId !== undefined && { userId }),
    ...(expiration !== undefined && { expiration }),
    ...(Object.keys(headers).length > 0 && { headers }),
  };
}

/** What an earlier replay kept, and this one no longer finds. */
function before(headers: FieldTable): FieldTable {
  const replayed = headers[REPLAYED_HEADER];
  if (!isTable(replayed)) return {};
  const { userId, expiration } = replayed;
  return kept(typeof userId === 'string' ? userId : undefined, typeof expiration === 'string' ? expiration : undefined, {});
}
