import type { Connection } from '../../amqp/connection/connection.ts';
import { firstOffset, lastChunk } from '../../amqp/topology/queue-facts.ts';
import type { Emit } from '../../model/event.ts';
import type { FieldTable, FieldValue } from '../../model/message/message.ts';
import { formatNumber } from '../../model/quantity.ts';
import { parseOffset } from './limits.ts';

/** RabbitMQ's units of an age, in seconds. */
const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, D: 86_400, M: 2_592_000, Y: 31_536_000 };

/** Asks something on the consumer's own connection. */
type Ask = <T>(question: (connection: Connection, queue: string) => Promise<T>) => Promise<T>;

/** Where a consumer of a stream stands: on another connection it goes on there, with each message once and none left out. */
export class StreamPlace {
  readonly #emit: Emit;
  #given: FieldValue | undefined;
  readonly #began = performance.now();
  /** The next offset; undefined while unknown. */
  #next: number | undefined;
  #received = false;

  /** @throws Failure `usage` for an invalid offset */
  constructor(offset: string | undefined, emit: Emit) {
    this.#emit = emit;
    if (offset !== undefined) this.begin(parseOffset(offset));
  }

  /** Sets where to begin. */
  begin(offset: FieldValue): void {
    this.#given = offset;
    if (typeof offset === 'number') this.#next = offset;
  }

  /** The arguments of the first subscription; none where the user named no offset, which suits any queue. */
  get beginning(): FieldTable {
    return this.#given === undefined ? {} : { 'x-stream-offset': this.#given };
  }

  /** A message came; earlier ones may be missing. */
  take(offset: number, ask: Ask): void {
    if (this.#next !== undefined && offset > this.#next) void this.#tellGap(this.#next, offset, ask);
    this.#next = offset + 1;
    this.#received = true;
  }

  /** Learns where the stream ends before anything has come: messages published while the connection is lost begin there. */
  async learn(ask: Ask): Promise<void> {
    const mode = this.#given ?? 'next';
    if (this.#received || (mode !== 'next' && mode !== 'last')) return;
    const chunk = await ask((connection, queue) => lastChunk(connection, queue));
    if (this.#received || this.#next !== undefined) return;
    if (chunk === undefined) this.#next = 0;
    else this.#next = mode === 'last' ? chunk.first : chunk.last + 1;
    this.#emit({ kind: 'detail', text: `should the connection be lost before anything comes, the stream goes on at offset ${formatNumber(this.#next)}` });
  }

  /** The arguments of a further subscription. */
  resume(): FieldTable {
    if (this.#next !== undefined) return { 'x-stream-offset': this.#next };
    const given = this.#given ?? 'next';
    if (given === 'next' || given === 'last') {
      this.#emit({ kind: 'note', text: 'the connection was lost before the end of the stream was known: messages published meanwhile may be missing' });
    }
    return { 'x-stream-offset': typeof given === 'string' ? this.#aged(given) : given };
  }

  /** An age counts from now: it grows by the time since the start. */
  #aged(given: string): string {
    const [, count, unit = ''] = /^(\d+)([smhDMY])$/.exec(given) ?? [];
    const seconds = UNITS[unit];
    if (seconds === undefined) return given;
    return `${Number(count) * seconds + Math.ceil((performance.now() - this.#began) / 1_000) + 1}s`;
  }

  /** Offsets have gaps: only offsets before the first one of the stream are gone. */
  async #tellGap(expected: number, offset: number, ask: Ask): Promise<void> {
    const first = await ask((connection, queue) => firstOffset(connection, queue)).catch(() => undefined);
    const gone = Math.min(first ?? 0, offset);
    if (gone <= expected) return;
    const range = gone - 1 === expected ? `offset ${formatNumber(expected)}` : `offsets ${formatNumber(expected)} to ${formatNumber(gone - 1)}`;
    this.#emit({ kind: 'note', text: `the stream no longer has ${range}: retention removed them before they could be read` });
  }
}
