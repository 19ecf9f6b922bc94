import * as z from 'zod/mini';
import type { Connection } from '../../amqp/connection/connection.ts';
import type { Session } from '../../amqp/connection/session.ts';
import { purgeOver, withLastingControl } from '../../amqp/topology/declare.ts';
import { ensure, exchangeExists } from '../../amqp/topology/ensure.ts';
import type { ConsumeCounts, Emit } from '../../model/event.ts';
import { Failure } from '../../model/failure.ts';
import { option } from '../../model/option.ts';
import { formatCount, formatDuration } from '../../model/quantity.ts';
import type { Topology } from '../../model/topology.ts';
import { ConsumeConfig, limitsShape } from '../consume/config.ts';
import { consume } from '../consume/consume.ts';
import type { ConsumeHandler } from '../consume/limits.ts';
import { filterShape } from '../dlx/filter/filter.ts';
import type { FindManagementApi } from '../management.ts';
import { queueName, shortString } from '../names.ts';
import { temporaryQueue } from '../subscribe/subscription.ts';
import { matching } from './matching.ts';
import { type Source, sourcesOf, sourcesOfQueue } from './tap-bindings.ts';

export const TapConfig = z
  .strictObject({
    exchange: z.optional(shortString),
    /** Binding keys; none: everything. */
    pattern: z._default(z.array(shortString), []),
    /** Instead of an exchange: copies what the bindings of this queue bring. */
    queue: z.optional(queueName),
    where: filterShape.where,
    count: limitsShape.count,
    idle: limitsShape.idle,
    timeout: limitsShape.timeout,
    expect: limitsShape.expect,
    settle: limitsShape.settle,
    /** Copies that may wait for this run: beyond either, the oldest are dropped and counted. */
    maxLength: z._default(z.int().check(z.minimum(1), z.maximum(10_000_000)), 100_000),
    maxLengthBytes: z._default(z.int().check(z.minimum(1), z.maximum(4_000_000_000)), 67_108_864),
  })
  .check(
    z.refine(({ exchange, queue }) => (exchange === undefined) !== (queue === undefined), {
      error: () => `nothing to tap: name an exchange or a queue (${option('queue')}), and not both`,
    }),
    z.refine(({ where, count, expect }) => expect === undefined || (where === undefined && count === undefined), {
      error: () => `${option('expect')} excludes ${option('count')} and ${option('where')}: it counts every message, and stops by itself`,
    }),
    z.refine(({ expect, idle, timeout }) => expect !== 0 || (idle ?? timeout) !== undefined, {
      error: () => `${option('expect')} 0 needs ${option('timeout')} or ${option('idle')} for how long no message may come`,
    }),
    z.refine(({ exchange }) => exchange !== '', {
      error: () => `nothing can be bound to the default exchange: ${option('queue')} taps what other exchanges bring to a queue`,
    }),
  );
export type TapConfig = z.output<typeof TapConfig>;

/** Milliseconds between counts of what was dropped. */
const COUNTING = 500;
/** How many dropped copies may wait for being counted. */
const UNCOUNTED = 1_000_000;

/**
 * Hands the handler a copy of each message that flows from now on, out of an exclusive queue that drops its oldest messages when it is full: nobody else is
 * disturbed or slowed, and nothing stays. Dropped copies are dead-lettered into a queue beside it, whose messages are counted by purging it.
 *
 * @throws Failure as `consume` does, as `sourcesOf` does, `denied` that names what the user may not do
 */
export async function tap(session: Session, config: TapConfig, handler: ConsumeHandler, find: FindManagementApi): Promise<ConsumeCounts> {
  const { exchange, queue, where, count, idle, timeout, expect, settle } = config;
  return matching(session, { where, count }, handler, async (selecting, limits) => {
    const { sources, topology, counted } = await withLastingControl(session, (connection) => prepare(session, connection, config, find));
    const [first] = topology.queues.slice(-1);
    const name = first?.name ?? '';
    const from = queue === undefined ? `the exchange "${exchange}"` : `what goes to "${queue}"`;
    const drops = new Drops(session, sources, counted);
    const emit: Emit = (event) => {
      const { dropped, certain } = drops;
      session.emit(event.kind === 'consumed' ? { ...event, kind: 'tapped', selected: limits.selected(), dropped, certain, from } : event);
    };
    try {
      const limited = ConsumeConfig.parse({ queue: name, count: limits.count, idle, timeout, expect, settle });
      return await consume({ ...session, emit, signal: AbortSignal.any([session.signal, drops.gone]) }, limited, selecting, {
        topology,
        neverStream: true,
        giveBack: async () => 'hold',
        onSubscribed: (own, connection) => {
          const gap = drops.follow(own, connection);
          const text = gap === undefined ? `copying ${from}` : `copying ${from} again; what was published in the last ${formatDuration(gap)} or so is missing`;
          session.emit({ kind: 'subscribed', queue: own, text });
        },
        beforeClose: () => drops.end(),
        ...(limits.enough !== undefined && { enough: limits.enough }),
      });
    } catch (error) {
      throw error instanceof Failure && error.kind === 'denied' ? lacking(error, sources) : error;
    } finally {
      drops.stop();
    }
  });
}

interface Prepared {
  readonly sources: readonly Source[];
  readonly topology: Topology;
  /** False where the user's permissions do not allow to count what is dropped. */
  readonly counted: boolean;
}

/** Learns what to bind, and whether the queue can be declared so that dropped copies are counted. It binds nothing: with its last binding, an auto-delete exchange would go. */
async function prepare(session: Session, connection: Connection, config: TapConfig, find: FindManagementApi): Promise<Prepared> {
  const { exchange, queue, pattern } = config;
  const note = (text: string): void => session.emit({ kind: 'note', text });
  let sources: readonly Source[];
  if (exchange !== undefined) sources = await sourcesOf(connection, exchange, pattern, () => find(connection), note);
  else {
    const api = await find(connection);
    if (api === undefined) {
      throw new Failure('unavailable', `only the management API tells how messages come to "${queue}", and it does not answer`, {
        hint: 'rmq tap EXCHANGE needs no management API',
      });
    }
    sources = await sourcesOfQueue(api, queue ?? '');
  }
  // Each topology has names of its own: those of this connection stay locked for a moment after it.
  for (const counted of [true, false]) {
    try {
      await ensure(connection, { ...tapTopology(config, sources, counted), bindings: [] });
      if (!counted) note('this user may not write to the exchange "amq.default": copies that are dropped cannot be counted');
      return { sources, topology: tapTopology(config, sources, counted), counted };
    } catch (error) {
      if (!(error instanceof Failure) || error.kind !== 'denied') throw error;
      if (!counted || !error.message.includes('amq.default')) throw lacking(error, sources);
    }
  }
  throw new Error('unreachable');
}

function lacking(cause: Failure, sources: readonly Source[]): Failure {
  const exchanges = [...new Set(sources.map(({ exchange }) => `"${exchange}"`))].join(', ');
  const queues = temporaryQueue(sources[0]?.exchange ?? '').name.replace(/[^.]*$/, '…');
  return new Failure('denied', cause.message, {
    cause,
    hint: `a tap needs the permissions configure, write and read on queues "${queues}", and read on ${exchanges}`,
    ...(cause.code !== undefined && { code: cause.code }),
  });
}

/** The tap's own queue, last, behind the one in which dropped copies wait for being counted, and the one that tells that even of those some were dropped. */
function tapTopology({ maxLength, maxLengthBytes }: TapConfig, sources: readonly Source[], counted: boolean): Topology {
  const { name } = temporaryQueue(sources[0]?.exchange ?? '');
  const own = (suffix: string, args: Readonly<Record<string, number | string>>, next?: string) => ({
    name: `${name}${suffix}`,
    durable: false,
    exclusive: true,
    arguments: { ...args, ...(next !== undefined && counted && { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': `${name}${next}` }) },
  });
  const beside = [own('.more', { 'x-max-length': 1 }), own('.dropped', { 'x-max-length': UNCOUNTED, 'x-max-length-bytes': maxLengthBytes }, '.more')];
  return {
    exchanges: [],
    queues: [...(counted ? beside : []), own('', { 'x-max-length': maxLength, 'x-max-length-bytes': maxLengthBytes }, '.dropped')],
    bindings: sources.map((source) => ({ ...source, queue: name })),
  };
}

/** Counts what the tap's queue drops, and sees to it that its exchanges are there. */
class Drops {
  readonly #session: Session;
  readonly #sources: readonly Source[];
  readonly #counted: boolean;
  readonly #gone = new AbortController();
  #at: { readonly queue: string; readonly connection: Connection } | undefined;
  #alive = performance.now();
  #asking: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  dropped = 0;
  certain: boolean;

  constructor(session: Session, sources: readonly Source[], counted: boolean) {
    this.#session = session;
    this.#sources = sources;
    this.#counted = counted;
    this.certain = counted;
  }

  /** Aborted when an exchange was deleted: no copy can come from it any more. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** Counts for this queue from now on; returns for how many milliseconds, at most, nothing was copied. */
  follow(queue: string, connection: Connection): number | undefined {
    const gap = this.#at === undefined ? undefined : performance.now() - this.#alive;
    this.#at = { queue, connection };
    this.#alive = performance.now();
    this.#timer ??= setInterval(() => void this.#ask(), COUNTING);
    return gap;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** The last count. */
  async end(): Promise<void> {
    this.stop();
    await this.#asking;
    await this.#ask();
  }

  #ask(): Promise<void> {
    this.#asking ??= this.#look().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #look(): Promise<void> {
    if (this.#at === undefined || !this.#at.connection.open) return;
    const { queue, connection } = this.#at;
    try {
      for (const exchange of new Set(this.#sources.map((source) => source.exchange))) {
        if (await exchangeExists(connection, exchange)) continue;
        this.#gone.abort(new Failure('missing', `the exchange "${exchange}" was deleted: nothing can be copied any more`));
      }
      this.#alive = performance.now();
      if (!this.#counted) return;
      const before = this.dropped;
      this.dropped += await purgeOver(connection, `${queue}.dropped`);
      if (this.certain && (await purgeOver(connection, `${queue}.more`)) > 0) this.certain = false;
      if (before === 0 && this.dropped > 0) {
        const text = `copies come faster than they are printed: ${formatCount(this.dropped, 'older copy', 'older copies')} dropped so far`;
        this.#session.emit({ kind: 'note', text });
      }
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      // With a lost connection, what was not counted is a part of what is missing then.
      if (connection.open) this.certain = false;
    }
  }
}
