import { isOfDeath, isOfDelivery, isOfLastDeath, partition } from '../message/broker-headers.ts';
import { plainHeaders } from '../message/field-json.ts';
import type { Delivery, FieldTable, FieldValue, Message, Properties } from '../message/message.ts';
import { masked } from '../secrets.ts';
import type { Judgement } from '../verdict.ts';

/** The number of the attempt that a message is on, where it is not the first. */
export const ATTEMPT_HEADER = 'x-rmq-attempt';
/** What a copy that waits for its next attempt cannot carry in its place, and gets back when it is delivered. */
export const ORIGIN_HEADER = 'x-rmq-origin';
/** What a message that was moved or put back could not carry in its place. */
export const MOVED_HEADER = 'x-rmq-moved';
/** Why a message was dead-lettered: the reason, and the exit code and last words of the program that handled it. */
export const REASON_HEADER = 'x-rmq-reason';
export const EXIT_CODE_HEADER = 'x-rmq-exit-code';
export const STDERR_HEADER = 'x-rmq-stderr';

/** It has to fit into a frame, with everything else that is said about a message. */
const LONGEST_REASON = 4_096;

/** The broker routes a message to these as well. */
const CARBON_COPIES = ['CC', 'BCC'];

/** A delivery as it was before any retry, and which attempt at it this is. */
export interface Attempt {
  readonly number: number;
  readonly original: Delivery;
}

/**
 * Undoes what `retryCopy` did for this user. Only what has just come out of a retry queue of its own queue is on a further attempt: the headers
 * also travel on dead letters, and on copies of them that somebody publishes, which are messages like any other. Anybody who may publish to the
 * queue can write all of that, but for the user id: the broker takes no message with another one than the publisher's own.
 */
export function attemptOf(delivery: Delivery, user: string): Attempt {
  const { [ATTEMPT_HEADER]: attempt, [ORIGIN_HEADER]: origin, ...headers } = delivery.properties.headers ?? {};
  if (attempt === undefined && origin === undefined) return { number: 1, original: delivery };
  const { queue, redelivered, body, exchange, routingKey, properties } = delivery;
  const waitedIn = pauseOf(delivery);
  if (waitedIn === 'ladder' && properties.userId === user && isTable(origin)) return { number: 1, original: fromLadder(delivery, origin, headers) };
  const isOwn = properties.userId === user && waitedIn === 'retry';
  if (!isOwn || typeof attempt !== 'number' || !Number.isInteger(attempt) || !isTable(origin)) {
    return { number: 1, original: { queue, redelivered, body, exchange, routingKey, properties: withHeaders(properties, headers) } };
  }
  const { userId, expiration, headers: kept } = origin;
  const { userId: _, ...others } = properties;
  const own = Object.fromEntries(Object.entries(headers).filter(([name]) => !isOfDeath(name)));
  return {
    number: Math.max(1, attempt),
    original: {
      queue,
      redelivered,
      body,
      exchange: typeof origin['exchange'] === 'string' ? origin['exchange'] : exchange,
      routingKey: typeof origin['routingKey'] === 'string' ? origin['routingKey'] : routingKey,
      properties: {
        ...withHeaders(others, isTable(kept) ? { ...own, ...kept } : own),
        ...(typeof userId === 'string' && { userId }),
        ...(typeof expiration === 'string' && { expiration }),
      },
    },
  };
}

/** Where a message has waited that has just come back: in a retry queue, or on a ladder that `dlx setup` has made. */
function pauseOf({ queue, properties }: Delivery): 'retry' | 'ladder' | undefined {
  const deaths = properties.headers?.['x-death'];
  const last = Array.isArray(deaths) ? (deaths[0] as FieldValue | undefined) : undefined;
  if (!isTable(last) || last['reason'] !== 'expired' || typeof last['queue'] !== 'string') return undefined;
  const prefix = retryQueue(queue, '');
  if (!last['queue'].startsWith(prefix)) return undefined;
  return /^\d+$/.test(last['queue'].slice(prefix.length)) ? 'retry' : 'ladder';
}

/** What has come back from a ladder, with the history that it went there with: RabbitMQ 4 writes its own over one that was published. Its key is the ladder's memory, and stays. */
function fromLadder(
  { queue, redelivered, body, exchange, routingKey, properties }: Delivery,
  { userId, headers: kept }: FieldTable,
  headers: FieldTable,
): Delivery {
  const before = isTable(kept) ? kept : {};
  const { userId: _, ...others } = properties;
  const since = entriesOf(headers);
  const earlier = entriesOf(before).filter((one) => !since.some((other) => isSameDeath(one, other)));
  return {
    queue,
    redelivered,
    body,
    exchange,
    routingKey,
    properties: {
      ...withHeaders(others, { ...headers, ...before, 'x-death': [...since, ...earlier] }),
      ...(typeof userId === 'string' && { userId }),
    },
  };
}

function entriesOf({ 'x-death': entries }: FieldTable): readonly FieldValue[] {
  return Array.isArray(entries) ? (entries as readonly FieldValue[]) : [];
}

function isSameDeath(one: FieldValue, other: FieldValue): boolean {
  return isTable(one) && isTable(other) && one['queue'] === other['queue'] && one['reason'] === other['reason'];
}

/** Where a message of a queue waits for so many milliseconds. */
export function retryQueue(queue: string, pause: number | ''): string {
  return `${queue}.retry.${pause}`;
}

/** The copy of a message that waits in a queue for its next attempt. Its user id, which may be another's login, its expiration and what would route it elsewhere wait in a header. The user id is the worker's own: it proves that a worker made the copy. */
export function retryCopy(original: Delivery, next: number, waitingIn: string, user: string): Message {
  const { userId, expiration, ...properties } = original.properties;
  const [, published] = partition(original.properties.headers ?? {}, isOfDelivery);
  // What the next worker would take for the word of one who may publish as this user is kept inside.
  const [kept, own] = partition(published, (name) => isOfDeath(name) || CARBON_COPIES.includes(name) || name === MOVED_HEADER);
  const origin: FieldTable = {
    exchange: original.exchange,
    routingKey: original.routingKey,
    ...(userId !== undefined && { userId }),
    ...(expiration !== undefined && { expiration }),
    headers: kept,
  };
  return {
    exchange: '',
    routingKey: waitingIn,
    body: original.body,
    properties: {
      ...properties,
      userId: user,
      headers: { ...own, [ATTEMPT_HEADER]: next, [ORIGIN_HEADER]: origin },
    },
  };
}

/**
 * A message as a dead letter: with the history that the broker would have written if it had been rejected, and with what is
 * known of the reason. Where the worker had it from, and what cannot be published again in its place, such as another's user id, is kept in the
 * origin header. The user id is the worker's own: it proves that a worker wrote that, whatever history the message came with.
 */
export function deadLetter(
  attempt: Attempt,
  to: Pick<Message, 'exchange' | 'routingKey'>,
  judgement: Judgement,
  { seconds, user }: { readonly seconds: number; readonly user: string | undefined },
): Message {
  const { original, number } = attempt;
  const { userId, expiration, ...properties } = original.properties;
  // What is said of an earlier failure, or of this delivery, is not true of the dead letter.
  const [, said] = partition(
    original.properties.headers ?? {},
    (name) => name === EXIT_CODE_HEADER || name === STDERR_HEADER || isOfDelivery(name) || isOfLastDeath(name),
  );
  // What would be taken for the word of one who may publish as this user is kept inside, as what would route it elsewhere.
  const [copies, headers] = partition(said, (name) => CARBON_COPIES.includes(name) || name === MOVED_HEADER);
  const history = died(original, expiration, seconds);
  const isLadder = to.exchange.startsWith(retryQueue(original.queue, ''));
  const kept: FieldTable = isLadder ? { ...copies, ...partition({ ...headers, ...history }, isOfDeath)[0] } : copies;
  const origin: FieldTable = {
    queue: original.queue,
    exchange: original.exchange,
    routingKey: original.routingKey,
    ...(userId !== undefined && { userId }),
    ...(Object.keys(kept).length > 0 && { headers: kept }),
  };
  const { reason, exitCode, stderr } = judgement;
  return {
    ...to,
    body: original.body,
    properties: {
      ...properties,
      ...(user !== undefined && { userId: user }),
      headers: {
        ...headers,
        ...history,
        [ATTEMPT_HEADER]: number,
        ...(reason !== undefined && { [REASON_HEADER]: masked(reason).slice(0, LONGEST_REASON) }),
        ...(exitCode !== undefined && { [EXIT_CODE_HEADER]: exitCode }),
        ...(stderr !== undefined && stderr !== '' && { [STDERR_HEADER]: masked(stderr) }),
        [ORIGIN_HEADER]: origin,
      },
    },
  };
}

/** A dead letter without the user id of its worker, which nobody else could publish. */
export function withoutSignature(properties: Properties): Properties {
  const { userId, ...others } = properties;
  const { headers = {} } = properties;
  return userId !== undefined && headers[ORIGIN_HEADER] !== undefined && headers[ATTEMPT_HEADER] !== undefined ? others : properties;
}

/** The death headers after a rejection: newest first, one entry for each queue and reason. As with the broker, one that is there tells of the first time, and counts on. */
function died({ queue, exchange, routingKey, properties }: Delivery, expiration: string | undefined, seconds: number): FieldTable {
  const { headers = {} } = properties;
  const before = entriesOf(headers);
  const isSame = (entry: FieldValue): boolean => isTable(entry) && entry['queue'] === queue && entry['reason'] === 'rejected';
  const same = before.find(isSame);
  const carbonCopies = Array.isArray(headers['CC']) ? (headers['CC'] as readonly FieldValue[]) : [];
  const told: FieldTable = isTable(same) ? same : expiration === undefined ? {} : { 'original-expiration': expiration };
  const entry: FieldTable = {
    reason: 'rejected',
    queue,
    time: { '!': 'timestamp', value: seconds },
    exchange,
    'routing-keys': [routingKey, ...carbonCopies],
    ...told,
    count: { '!': 'int64', value: countOf(same) + 1 },
  };
  const first = { 'x-first-death-exchange': exchange, 'x-first-death-queue': queue, 'x-first-death-reason': 'rejected' };
  return { ...(headers['x-first-death-queue'] === undefined && first), 'x-death': [entry, ...before.filter((one) => !isSame(one))] };
}

function countOf(entry: FieldValue | undefined): number {
  const count = isTable(entry) ? entry['count'] : undefined;
  const value = isTable(count) ? count['value'] : count;
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 0;
}

function withHeaders({ headers, ...properties }: Properties, own: FieldTable): Properties {
  return headers === undefined || Object.keys(own).length === 0 ? properties : { ...properties, headers: own };
}

function isTable(value: FieldValue | undefined): value is FieldTable {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What a worker says that knows no more than how its program ended. */
const ONLY_EXIT_CODE = /^exit code \d+$/;

/**
 * Why a worker of ours gave a message up: its reason; where that is only an exit code, which programs use for any error, the last line that the program wrote to
 * its standard error. Undefined when neither is told.
 */
export function whyOf({ headers = {} }: Properties): string | undefined {
  const { [REASON_HEADER]: reason, [STDERR_HEADER]: stderr } = headers;
  if (reason === undefined && stderr === undefined) return undefined;
  const told = plainHeaders({ ...(reason !== undefined && { reason }), ...(stderr !== undefined && { stderr }) });
  const said = typeof told['reason'] === 'string' ? told['reason'] : '';
  const lines = typeof told['stderr'] === 'string' ? told['stderr'].split('\n').filter((line) => line.trim() !== '') : [];
  const last = lines.at(-1)?.trim();
  return (ONLY_EXIT_CODE.test(said) ? (last ?? said) : said || last) || undefined;
}
