import type { FieldTable, FieldValue, Properties } from './message.ts';

// Headers that RabbitMQ writes into what it delivers, read from its source (3.10.8, 4.0.5, 4.3.6), with the module that writes each.

/** What a queue writes about one delivery. Published again, it would be taken for a statement of the next queue. */
const OF_DELIVERY: ReadonlySet<string> = new Set([
  'x-delivery-count', // rabbit_fifo_client, rabbit_quorum_queue
  'x-acquired-count', // rabbit_fifo_client, from 4.3
  'x-stream-offset', // rabbit_stream_queue
]);

/**
 * Annotations of AMQP 1.0, which RabbitMQ 4 hands out as headers: `x-opt-deaths`, `x-opt-rabbitmq-received-time` (mc_amqp), `x-opt-rabbitmq-sent-time`
 * (rabbit_msg_interceptor_timestamp), `x-opt-delivery-time`, `x-opt-deferral-token` (rabbit_fifo) and what a consumer adds when it returns a message.
 */
const ANNOTATION = 'x-opt-';
/** Written by JMS clients: without these, a JMS consumer would take a message for one of another type. */
const OF_JMS = 'x-opt-jms-';

/** How a message died (rabbit_dead_letter, rabbit_fifo_dlx_worker; mc from 4.0). RabbitMQ 3 believes a published history, and drops a message that seems to go in a circle. */
const DEATH = /^x-(death|first-death-\w+|last-death-\w+)$/;

/** True for headers about one delivery, which say nothing about the message. */
export function isOfDelivery(name: string): boolean {
  return OF_DELIVERY.has(name) || (name.startsWith(ANNOTATION) && !name.startsWith(OF_JMS));
}

/** True for the history of a dead letter. */
export function isOfDeath(name: string): boolean {
  return DEATH.test(name);
}

/** True for a header that only the dead-lettering broker may write (from 3.13 on): it tells the broker's dead letters from those of a worker. */
export function isOfLastDeath(name: string): boolean {
  return name.startsWith('x-last-death-');
}

export function withoutBrokerHeaders(properties: Properties): Properties {
  const { headers, ...others } = properties;
  if (headers === undefined || !Object.keys(headers).some(isOfBroker)) return properties;
  const [, own] = partition(headers, isOfBroker);
  return Object.keys(own).length === 0 ? others : { ...others, headers: own };
}

function isOfBroker(name: string): boolean {
  return isOfDelivery(name) || isOfDeath(name);
}

/** Splits a table: the fields whose names match, and the others. */
export function partition(table: FieldTable, matches: (name: string) => boolean): readonly [matching: FieldTable, others: FieldTable] {
  const entries: readonly (readonly [string, FieldValue])[] = Object.entries(table);
  return [Object.fromEntries(entries.filter(([name]) => matches(name))), Object.fromEntries(entries.filter(([name]) => !matches(name)))];
}
