import { provenLogin } from '../../../amqp/connection/login-name.ts';
import type { Session } from '../../../amqp/connection/session.ts';
import { atLeast } from '../../../amqp/consumer/return-rules.ts';
import { withLastingControl } from '../../../amqp/topology/declare.ts';
import { describeQueue } from '../../../amqp/topology/queue-facts.ts';
import type { ManagementApi } from '../../../management/api.ts';
import { MOVED_HEADER } from '../../../model/dead-letter/attempt.ts';
import { type Aimless, type JudgedOrigin, type Origin, originsIn } from '../../../model/dead-letter/origin.ts';
import { asBeforePutBack } from '../../../model/dead-letter/replay.ts';
import type { Delivery, FieldTable } from '../../../model/message/message.ts';
import { type FindManagementApi, goingOn } from '../../management.ts';
import { RouteBook, reached } from '../routes.ts';

type Answer = 'yes' | 'no' | 'unknown';

/** Remembered judgements; messages of one queue have few origins, unless their keys differ. */
const MOST_REMEMBERED = 10_000;
/** The most queues to look at between the first death and the last. */
const LONGEST_WAY = 8;
const RETRY_QUEUE = /^\.retry\.\d+$/;

/**
 * Judges the origins in the headers of dead letters. An origin is believed when one of these holds; otherwise it is a claim:
 *
 * 1. A worker wrote it into its dead letter, under the user id of this login: the broker accepts that id from no other user.
 * 2. RabbitMQ 4.0 or later wrote it into `x-death`: it replaces what a publisher had put there. A message that was published straight to its queue
 *    did not die, so for messages through the default exchange the third rule is asked first, and its "no" counts.
 * 3. The topology agrees: the queue of the first death leads to the queue of the last, and the origin routes to the queue
 *    of the first death, or to none. RabbitMQ 3 accepts `x-death` from a publisher and only adds to it (tried on 3.10.8): there, nothing else confirms an origin.
 *    Only the management API knows bindings and policies; a message that went straight to its queue does not need it.
 */
export class Origins {
  readonly #session: Session;
  readonly #findDesk: FindManagementApi | undefined;
  readonly #remembered = new Map<string, JudgedOrigin | Promise<JudgedOrigin>>();
  #broker: Promise<{ readonly version: string; readonly api: ManagementApi | undefined }> | undefined;
  #login: Promise<string | undefined> | undefined;
  #book: RouteBook | undefined;

  /** Asks the broker only when needed. Without the management API, the third rule knows no bindings. */
  constructor(session: Session, findDesk: FindManagementApi | undefined) {
    this.#session = session;
    this.#findDesk = findDesk;
  }

  /** A promise only where the broker has to be asked. */
  judge(delivery: Delivery): JudgedOrigin | Aimless | Promise<JudgedOrigin | Aimless> {
    const { userId, headers = {} } = delivery.properties;
    // A copy that this user put back came with another exchange.
    if (userId !== undefined && headers[MOVED_HEADER] !== undefined) {
      return this.#loginName().then((login) => this.#judge(asBeforePutBack(delivery, login)));
    }
    return this.#judge(delivery);
  }

  #judge(delivery: Delivery): JudgedOrigin | Aimless | Promise<JudgedOrigin> {
    const origins = originsIn(delivery);
    if (typeof origins === 'string') return origins;
    const { exchange, properties } = delivery;
    const last = properties.headers?.['x-last-death-queue'];
    const evidence = { direct: exchange === '', userId: properties.userId, last: typeof last === 'string' ? last : undefined };
    const key = JSON.stringify([origins, evidence]);
    const known = this.#remembered.get(key);
    if (known !== undefined) return known;
    const judging = this.#choose(origins, evidence);
    if (this.#remembered.size >= MOST_REMEMBERED) this.#remembered.clear();
    this.#remembered.set(key, judging);
    void judging.then(
      (judged) => this.#remembered.set(key, judged),
      () => this.#remembered.delete(key),
    );
    return judging;
  }

  async #choose(origins: readonly Origin[], evidence: Evidence): Promise<JudgedOrigin> {
    const isOwn = evidence.userId !== undefined && evidence.userId === (await this.#loginName());
    const noted = isOwn ? origins.find(({ by }) => by === 'worker') : undefined;
    for (const origin of origins) {
      if ((noted !== undefined && isSame(origin, noted)) || (await this.#isBelieved(origin, evidence))) return judgedOf(origin, false, false);
    }
    const [first] = origins as readonly [Origin];
    return judgedOf(first, true, (await this.#diedThere(first)) !== 'yes');
  }

  async #isBelieved(origin: Origin, { direct, last }: Evidence): Promise<boolean> {
    // A message that a worker gave up has headers about its death as well.
    if (origin.by === 'framework' || origin.newest === undefined) return false;
    const { version } = await this.#learn();
    const isRecent = atLeast(version, 4, 0);
    const isBrokers = isRecent && origin.by === 'death' && last !== undefined && last === origin.newest;
    if (isBrokers && !direct) return true;
    const answer = await this.#isBorneOut(origin);
    // A message published by a worker has no last death of its own: on RabbitMQ 4, a publisher to a dead-lettering queue cannot leave that out.
    const isWorkers = isRecent && origin.by === 'worker' && last === undefined;
    return answer === 'yes' || (answer === 'unknown' && (isBrokers || isWorkers));
  }

  /** Whether a message published there would die as this one says it did. */
  async #isBorneOut(origin: Origin): Promise<Answer> {
    const { exchange, routingKey } = origin.address;
    const { queue } = origin;
    const died = await this.#diedThere(origin);
    if (queue === undefined || died !== 'yes') return died;
    if (exchange === '') return routingKey === queue ? 'yes' : 'no';
    const queues = await this.#reached(exchange, routingKey);
    if (queues === undefined) return 'unknown';
    return queues.length === 0 || queues.includes(queue) ? 'yes' : 'no';
  }

  /** Whether the queue of the first death leads to that of the last, which the broker always writes itself. */
  async #diedThere({ queue, newest }: Origin): Promise<Answer> {
    if (queue === undefined || newest === undefined) return 'unknown';
    return newest === queue || isRetryQueueOf(newest, queue) ? 'yes' : this.#leads(queue, newest, new Set());
  }

  /** Whether dead letters of one queue reach another, perhaps through others. */
  async #leads(from: string, to: string, passed: Set<string>): Promise<Answer> {
    if (passed.size >= LONGEST_WAY) return 'unknown';
    passed.add(from);
    const settings = await this.#deadLettering(from);
    if (settings === undefined) return 'unknown';
    const { exchange, routingKey } = settings;
    if (exchange === undefined) return 'no';
    const next = exchange === '' ? (routingKey === undefined ? [] : [routingKey]) : await this.#reached(exchange, routingKey);
    if (next === undefined) return 'unknown';
    if (next.includes(to)) return 'yes';
    let all: Answer = 'no';
    for (const queue of next.filter((one) => !passed.has(one))) {
      const answer = await this.#leads(queue, to, passed);
      if (answer === 'yes') return answer;
      if (answer === 'unknown') all = answer;
    }
    return all;
  }

  /** Where a queue sends its dead letters; undefined when unknown. AMQP tells its arguments, but not its policy. */
  async #deadLettering(queue: string): Promise<{ readonly exchange: string | undefined; readonly routingKey: string | undefined } | undefined> {
    const { api } = await this.#learn();
    const facts = await this.#asked(() => api?.queue(queue));
    if (facts !== undefined) return settingsIn(facts.arguments, facts.effectivePolicy);
    const described = await withLastingControl(this.#session, (connection) => describeQueue(connection, queue));
    if (described === undefined) return { exchange: undefined, routingKey: undefined };
    const settings = settingsIn(described.arguments, undefined);
    return settings.exchange === undefined ? undefined : settings;
  }

  /** The queues that a message reaches; undefined when unknown. */
  async #reached(exchange: string, routingKey: string | undefined): Promise<readonly string[] | undefined> {
    const { api } = await this.#learn();
    if (api === undefined) return undefined;
    this.#book ??= new RouteBook(api);
    const routes = await this.#asked(() => this.#book?.from(exchange));
    return routes === undefined ? undefined : reached(routes, exchange, routingKey);
  }

  /** The answer of the management API; undefined where there is none. */
  async #asked<T>(question: () => Promise<T> | undefined): Promise<T | undefined> {
    return question()?.catch(goingOn(false, this.#session));
  }

  #learn(): Promise<{ readonly version: string; readonly api: ManagementApi | undefined }> {
    this.#broker ??= withLastingControl(this.#session, async (connection) => ({ version: connection.version, api: await this.#findDesk?.(connection) }));
    return this.#broker;
  }

  #loginName(): Promise<string | undefined> {
    this.#login ??= withLastingControl(this.#session, provenLogin);
    return this.#login;
  }
}

/** Handles a dead letter with its origin; undefined where its headers have none. */
type JudgeAndHand = (delivery: Delivery, use: (origin: JudgedOrigin | undefined) => Promise<void> | undefined) => Promise<void> | undefined;

/**
 * Judges the origins of dead letters, and hands the letters on in order: some judgements are immediate, others need an answer of the
 * broker.
 */
export function judging(session: Session, api: FindManagementApi | undefined): JudgeAndHand {
  const origins = new Origins(session, api);
  let last: Promise<void> | undefined;
  return (delivery, use) => {
    const judged = origins.judge(delivery);
    const hand = (origin: JudgedOrigin | string): Promise<void> | undefined => use(typeof origin === 'string' ? undefined : origin);
    if (last === undefined && !(judged instanceof Promise)) return hand(judged);
    const handed: Promise<void> = Promise.all([judged, last]).then(([origin]) => hand(origin));
    last = handed;
    const isOver = (): void => {
      if (last === handed) last = undefined;
    };
    handed.then(isOver, isOver);
    return handed;
  };
}

/** Evidence about the origin of a delivery. */
interface Evidence {
  /** True: it came through the default exchange, as messages published straight to a queue do. */
  readonly direct: boolean;
  readonly userId: string | undefined;
  /** The queue of its last death, which brokers write from 3.13 on. */
  readonly last: string | undefined;
}

function judgedOf({ address, queue }: Origin, claimed: boolean, queueClaimed: boolean): JudgedOrigin {
  return { address, queue, claimed, queueClaimed };
}

function isSame(one: Origin, other: Origin): boolean {
  return one.queue === other.queue && one.address.exchange === other.address.exchange && one.address.routingKey === other.address.routingKey;
}

function isRetryQueueOf(name: string, queue: string): boolean {
  return name.startsWith(queue) && RETRY_QUEUE.test(name.slice(queue.length));
}

function settingsIn(args: FieldTable, policy: FieldTable | undefined): { readonly exchange: string | undefined; readonly routingKey: string | undefined } {
  const of = (name: string): string | undefined => {
    const value = args[`x-${name}`] ?? policy?.[name];
    return typeof value === 'string' ? value : undefined;
  };
  return { exchange: of('dead-letter-exchange'), routingKey: of('dead-letter-routing-key') };
}
