import type { Connection } from '../../../amqp/connection/connection.ts';
import type { Session } from '../../../amqp/connection/session.ts';
import type { AskManagement } from '../../../amqp/consumer/return-rules.ts';
import { withLastingControl } from '../../../amqp/topology/declare.ts';
import { describeQueue, readyCount } from '../../../amqp/topology/queue-facts.ts';
import { Failure } from '../../../model/failure.ts';
import { numberIn } from '../../../model/message/field.ts';
import type { FieldTable, Message } from '../../../model/message/message.ts';
import { formatCount, formatSize } from '../../../model/quantity.ts';
import { type FindManagementApi, goingOn } from '../../management.ts';
import { RouteBook, reached } from '../routes.ts';
import { LONGEST_NAME } from './target.ts';

/** Who knows the policies and the bindings of a broker; without them, the arguments of queues that are named count. */
export interface Beside {
  readonly ask?: AskManagement | undefined;
  readonly api?: FindManagementApi | undefined;
}

/** A queue with a limit, and what is in it. For each message beyond the limit it drops or dead-letters its oldest one, or refuses the new one. */
interface Room {
  readonly queue: string;
  readonly most: number;
  readonly mostBytes: number;
  readonly deadLetters: boolean;
  readonly refuses: boolean;
  messages: number;
  bytes: number;
  /** True: it has been told, and is not counted again. */
  full: boolean;
}

/** Forged messages may name any number of queues. */
const MOST_ASKED = 1_000;

/** What becomes of a message that is sent to its queues, as reasons to stay name it. */
export type Prospect = 'fits' | 'full' | 'nacked';

/**
 * Knows which messages would push others out of a full queue (`overflow=drop-head`, the default). A queue that dead-letters what it pushes out loses nothing: that is
 * only told. Where a queue refuses further messages (`reject-publish`), the broker says so itself: only a dry run counts them. Other publishers may fill a queue meanwhile.
 */
export class Rooms {
  readonly #session: Session;
  readonly #beside: Beside;
  readonly #dryRun: boolean;
  readonly #queues = new Map<string, Room | undefined>();
  readonly #places = new Map<string, readonly Room[]>();
  #book: Promise<RouteBook | undefined> | undefined;

  constructor(session: Session, beside: Beside, { dryRun = false }: { readonly dryRun?: boolean } = {}) {
    this.#session = session;
    this.#beside = beside;
    this.#dryRun = dryRun;
  }

  /** Counts a message that has room where it goes. `idle` waits until all that was sent is in its queues: they are counted again then. */
  take(message: Message, idle?: () => Promise<void>): Prospect | Promise<Prospect> {
    const rooms = this.#places.get(placeOf(message));
    return rooms?.every((room) => fits(room, message)) === true ? add(rooms, message) : this.#ask(message, idle);
  }

  clear(): void {
    this.#queues.clear();
    this.#places.clear();
  }

  async #ask(message: Message, idle: (() => Promise<void>) | undefined): Promise<Prospect> {
    const rooms = this.#places.get(placeOf(message)) ?? (await this.#roomsOf(message));
    for (const room of rooms) {
      if (fits(room, message) || room.full) continue;
      await idle?.();
      if (idle !== undefined) Object.assign(room, await this.#learn(room.queue));
      if (fits(room, message)) continue;
      room.full = true;
      this.#session.emit({ kind: 'note', text: describeFull(room) });
    }
    const narrow = rooms.find((room) => !room.deadLetters && !fits(room, message));
    if (narrow === undefined) return add(rooms, message);
    return narrow.refuses ? 'nacked' : 'full';
  }

  async #roomsOf(message: Message): Promise<readonly Room[]> {
    const { exchange, routingKey } = message;
    const rooms: Room[] = [];
    for (const queue of exchange === '' ? [routingKey] : ((await this.#reached(exchange, routingKey)) ?? [])) {
      if (!this.#queues.has(queue) && this.#queues.size < MOST_ASKED) this.#queues.set(queue, await this.#learn(queue));
      const room = this.#queues.get(queue);
      if (room !== undefined) rooms.push(room);
    }
    this.#places.set(placeOf(message), rooms);
    return rooms;
  }

  /** The queues that a message reaches, without a key those that any may reach; undefined where nobody tells. */
  async #reached(exchange: string, routingKey: string | undefined): Promise<readonly string[] | undefined> {
    const session = this.#session;
    const { api } = this.#beside;
    if (Buffer.byteLength(exchange) > LONGEST_NAME) return [];
    this.#book ??= withLastingControl(session, async (on) => {
      const found = await api?.(on);
      return found === undefined ? undefined : new RouteBook(found);
    });
    const routes = await (await this.#book)?.from(exchange).catch(goingOn(false, session));
    return routes && reached(routes, exchange, routingKey);
  }

  /** False where dead letters go nowhere: there is no exchange, or no queue is bound to it. */
  async #leads(on: Connection, exchange: string | undefined, key: string | undefined): Promise<boolean> {
    if (exchange === undefined) return false;
    if (exchange === '') return key === undefined || (await describeQueue(on, key)) !== undefined;
    return (await this.#reached(exchange, key))?.length !== 0;
  }

  /** Undefined for a queue without a limit that counts here, or that does not exist. */
  async #learn(queue: string): Promise<Room | undefined> {
    // A forged history may hold names that no broker could have.
    if (Buffer.byteLength(queue) > LONGEST_NAME) return undefined;
    return withLastingControl(this.#session, async (on) => {
      const described = await describeQueue(on, queue);
      if (described === undefined || described.type === 'stream') return undefined;
      const managed = await this.#beside.ask?.(queue, on);
      const args = { ...described.arguments, ...managed?.arguments };
      const settings = [args, ...(managed?.policies ?? []).map(prefixed)];
      const limit = (name: string): number => Math.min(...settings.map((one) => numberIn(one[name]) ?? Number.POSITIVE_INFINITY));
      const first = (name: string): string | undefined => settings.map((one) => one[name]).find((value) => typeof value === 'string') as string | undefined;
      const [most, mostBytes] = [limit('x-max-length'), limit('x-max-length-bytes')];
      const refuses = first('x-overflow')?.startsWith('reject-publish') === true;
      if (Math.min(most, mostBytes) === Number.POSITIVE_INFINITY || (refuses && !this.#dryRun)) return undefined;
      const messages = await readyCount(on, queue);
      // AMQP does not tell the bytes: without the management API, a queue that is not empty counts as full where that may cost a message.
      const bytes = messages === 0 ? 0 : messages * (managed?.meanSize ?? (refuses ? 0 : Number.POSITIVE_INFINITY));
      const deadLetters = !refuses && (await this.#leads(on, first('x-dead-letter-exchange'), first('x-dead-letter-routing-key')));
      return { queue, most, mostBytes, deadLetters, refuses, messages, bytes, full: false };
    }).catch((error: unknown) => {
      // An exclusive queue of another connection, for example: nothing can be sent there either, or nothing is known.
      if (error instanceof Failure && (error.kind === 'refused' || error.kind === 'denied' || error.kind === 'missing')) return undefined;
      throw error;
    });
  }
}

const placeOf = ({ exchange, routingKey }: Message): string => `${exchange.length}:${exchange}${routingKey}`;

function fits({ messages, most, bytes, mostBytes }: Room, { body }: Message): boolean {
  return messages + 1 <= most && (mostBytes === Number.POSITIVE_INFINITY || bytes + body.length <= mostBytes);
}

function add(rooms: readonly Room[], { body }: Message): Prospect {
  for (const room of rooms) {
    room.messages++;
    room.bytes += body.length;
  }
  return 'fits';
}

function prefixed(policy: FieldTable): FieldTable {
  return Object.fromEntries(Object.entries(policy).map(([name, value]) => [`x-${name}`, value]));
}

function describeFull({ queue, most, mostBytes, deadLetters, refuses }: Room): string {
  const limits = [
    ...(most === Number.POSITIVE_INFINITY ? [] : [formatCount(most, 'message')]),
    ...(mostBytes === Number.POSITIVE_INFINITY ? [] : [formatSize(mostBytes)]),
  ];
  const then = deadLetters ? 'dead-letters its oldest one for each further one' : 'drops its oldest one for each further one, which is lost';
  return `"${queue}" has room for at most ${limits.join(' and ')}, and ${refuses ? 'refuses any further one' : then}`;
}
