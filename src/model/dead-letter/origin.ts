import type { Delivery, FieldTable, FieldValue, Properties } from '../message/message.ts';
import { ATTEMPT_HEADER, ORIGIN_HEADER } from './attempt.ts';
import { type Death, deathHistory } from './death.ts';
import type { PublishAddress } from './replay.ts';

/** Why it cannot be told where a message was published to. */
export type Aimless = 'originless' | 'malformed';

/** Where a dead letter is said to have been published to before anything became of it. */
export interface Origin {
  readonly address: PublishAddress;
  /** The queue that it is said to have died in first; undefined where only the address is told. */
  readonly queue: string | undefined;
  /** The queue of its newest death, as far as that is told. */
  readonly newest: string | undefined;
  /**
   * Who has written that down: a worker, in a header that only its user id makes credible; the broker in `x-death`, or somebody who may publish to a queue;
   * or a framework, in a header of its own.
   */
  readonly by: 'worker' | 'death' | 'framework';
}

/** Where a dead letter came from, and whether that is more than a claim. */
export interface JudgedOrigin {
  readonly address: PublishAddress;
  /** The queue that it died in first. */
  readonly queue: string | undefined;
  /** True: nobody but the message says so, and whoever published it may have written that. */
  readonly claimed: boolean;
  /** The same of the queue alone: what was forged may be the address, and not where it died. */
  readonly queueClaimed: boolean;
}

/** What the headers of a message tell of its origin, the most credible first; nothing of it is checked. With a part of its history unreadable, that part may have been the first. */
export function originsIn({ properties }: Delivery): readonly Origin[] | Aimless {
  const { headers = {} } = properties;
  const { deaths, first, malformed } = deathHistory(headers);
  const newest = deaths[0]?.queue;
  const noted = notedBy(properties, first?.queue);
  const worker: Origin[] = noted === undefined ? [] : [{ ...noted, newest, by: 'worker' }];
  if (malformed > 0) return worker.length > 0 ? worker : 'malformed';
  const said = first === undefined ? claimOf(headers) : undefined;
  const framework: Origin[] = said === undefined ? [] : [{ address: said, queue: undefined, newest, by: 'framework' }];
  const [routingKey] = first?.routingKeys ?? [];
  if (first === undefined || routingKey === undefined) {
    const told = [...worker, ...framework];
    return told.length > 0 ? told : first === undefined ? 'originless' : 'malformed';
  }
  const death: Origin = { address: { exchange: first.exchange, routingKey }, queue: first.queue, newest, by: 'death' };
  // What died while it waited for its next attempt was published to its retry queue by a worker.
  return isRetryQueue(first) ? [...worker, death] : [death, ...worker];
}

/** Where a worker has taken a message from; see `retryCopy` and `deadLetter`. */
export function notedBy({ headers = {} }: Properties, diedIn?: string): Pick<Origin, 'address' | 'queue'> | undefined {
  const origin = headers[ORIGIN_HEADER];
  if (headers[ATTEMPT_HEADER] === undefined || !isTable(origin)) return undefined;
  const { exchange, routingKey, queue } = origin;
  if (typeof exchange !== 'string' || typeof routingKey !== 'string') return undefined;
  return { address: { exchange, routingKey }, queue: typeof queue === 'string' ? queue : diedIn?.replace(RETRY_QUEUE, '') };
}

const RETRY_QUEUE = /\.retry\.\d+$/;

function isRetryQueue({ queue }: Death): boolean {
  return RETRY_QUEUE.test(queue);
}

/**
 * Where other frameworks note that a message which failed came from. Sources: NServiceBus, messaging/headers; Rebus, rbs2-source-queue;
 * Spring AMQP, RepublishMessageRecoverer. Whoever publishes can write the same.
 */
function claimOf(headers: FieldTable): PublishAddress | undefined {
  for (const name of ['NServiceBus.FailedQ', 'rbs2-source-queue']) {
    const queue = headers[name];
    if (typeof queue === 'string' && isName(queue) && queue !== '') return { exchange: '', routingKey: queue };
  }
  const { 'x-original-exchange': exchange, 'x-original-routingKey': routingKey } = headers;
  return typeof exchange === 'string' && typeof routingKey === 'string' && isName(exchange) && isName(routingKey) ? { exchange, routingKey } : undefined;
}

function isName(text: string): boolean {
  return Buffer.byteLength(text) <= 255;
}

function isTable(value: FieldValue | undefined): value is FieldTable {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
