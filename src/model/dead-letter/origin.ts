import { isTable } from '../message/field.ts';
import type { Delivery, FieldTable, Properties } from '../message/message.ts';
import { ATTEMPT_HEADER, ORIGIN_HEADER } from './attempt.ts';
import { type Death, deathHistory } from './death.ts';
import type { PublishAddress } from './replay.ts';

/** Why the origin of a message is unknown. */
export type Aimless = 'originless' | 'malformed';

/** Where a dead letter was first published to, according to its headers. */
export interface Origin {
  readonly address: PublishAddress;
  /** The queue of its first death; undefined where only the address is known. */
  readonly queue: string | undefined;
  /** The queue of its newest death, where known. */
  readonly newest: string | undefined;
  /**
   * Who wrote that: a worker, in a header that only its user id makes credible; the broker in `x-death`, or any publisher in its name;
   * or a framework, in a header of its own.
   */
  readonly by: 'worker' | 'death' | 'framework';
}

/** Where a dead letter came from, and whether that is proven. */
export interface JudgedOrigin {
  readonly address: PublishAddress;
  /** The queue of its first death. */
  readonly queue: string | undefined;
  /** True: only the message itself says so, and its publisher may have written that. */
  readonly claimed: boolean;
  /** The same for the queue alone: the address may be forged while the queue is true. */
  readonly queueClaimed: boolean;
}

/** The origin in the headers of a message, the most credible first; unchecked. Where part of the history is unreadable, that part may have been the first. */
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
  // A message that died while it waited for its next attempt was published to its retry queue by a worker.
  return isRetryQueue(first) ? [...worker, death] : [death, ...worker];
}

/** Where a worker took a message from; see `retryCopy` and `deadLetter`. */
function notedBy({ headers = {} }: Properties, diedIn?: string): Pick<Origin, 'address' | 'queue'> | undefined {
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
 * Headers in which other frameworks note the origin of a failed message. Sources: NServiceBus, messaging/headers; Rebus, rbs2-source-queue;
 * Spring AMQP, RepublishMessageRecoverer. Any publisher can write the same.
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
