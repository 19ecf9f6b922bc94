import type { WireDelivery } from './delivery.ts';

/** How often a body is in a set, by its digest. */
type Bodies = Map<number, number>;

/** The digest of a body whose answer is proven. */
const PROVEN = -1;

/**
 * Recognizes the messages that come again after a lost channel, by their bodies: AMQP names no message. The queue delivers what had no answer, and of
 * what a handler got only those whose answer the broker never had. Each is marked as redelivered, also after its node was killed (tried on 3.10.8, 4.0.5 and 4.3.6).
 */
export class Repeats {
  /** What arrived on this channel and has no proven answer: twice its digest, and one more for what was redelivered. The first has the tag `#low`. */
  #unproven: number[] = [];
  #low = 1;
  /** What arrived on a lost channel and reached no handler: it comes again, and is no repeat. */
  readonly #unseen: Bodies = new Map();
  /** What a handler got, and the broker may know the answer of. */
  readonly #seen: Bodies = new Map();

  /** Messages that a handler got on a lost channel, and that have not come again. */
  get away(): number {
    return [...this.#seen.values()].reduce((sum, count) => sum + count, 0);
  }

  opened({ tag, body, redelivered }: WireDelivery): void {
    this.#unproven[tag - this.#low] = digest(body) * 2 + (redelivered ? 1 : 0);
  }

  /** A handler gets the delivery. Returns whether one got its message on a lost channel. */
  begin(tag: number): boolean {
    if (this.#seen.size + this.#unseen.size === 0) return false;
    const arrived = this.#unproven[tag - this.#low] ?? PROVEN;
    if (arrived === PROVEN || !isRedelivered(arrived)) return false;
    const body = bodyOf(arrived);
    return !remove(this.#unseen, body) && remove(this.#seen, body);
  }

  /** The broker has the answers of these deliveries. */
  prove(tags: readonly number[]): void {
    for (const tag of tags) this.#unproven[tag - this.#low] = PROVEN;
    let proven = 0;
    while (proven < this.#unproven.length && this.#unproven[proven] === PROVEN) proven++;
    this.#unproven.splice(0, proven);
    this.#low += proven;
  }

  /** The channel is lost, and `withQueue` the queue too, so that nothing comes again; `isOpen` tells what reached no handler. */
  lose(withQueue: boolean, isOpen: (tag: number) => boolean): void {
    for (const [index, arrived] of withQueue ? [] : this.#unproven.entries()) {
      if (arrived === PROVEN) continue;
      if (!isOpen(this.#low + index)) add(this.#seen, bodyOf(arrived));
      // One that came again and reached no handler this time either is known already.
      else if (!isRedelivered(arrived)) add(this.#unseen, bodyOf(arrived));
    }
    [this.#unproven, this.#low] = [[], 1];
  }
}

const isRedelivered = (arrived: number): boolean => arrived % 2 === 1;
const bodyOf = (arrived: number): number => Math.floor(arrived / 2);

/** Words of four bytes that are read of a body, evenly spread. */
const WORDS = 64;
/** The prime of FNV-1a, which this follows. */
const PRIME = 16_777_619;

/** 32 bits of a body: of two that agree in them, the run counts the second as the first that has come again. No bodies are kept: what outlives its handler costs the garbage collector more than this. */
function digest(body: Buffer): number {
  const words = body.length >> 2;
  const step = Math.max(1, Math.ceil(words / WORDS));
  let hash = body.length;
  for (let word = 0; word < words; word += step) {
    hash = Math.imul(hash ^ body.readInt32LE(word * 4), PRIME);
    hash ^= hash >>> 15;
  }
  for (let at = Math.max(0, body.length - 4); at < body.length; at++) hash = Math.imul(hash ^ (body[at] as number), PRIME);
  return hash >>> 0;
}

function add(bodies: Bodies, body: number): void {
  bodies.set(body, (bodies.get(body) ?? 0) + 1);
}

function remove(bodies: Bodies, body: number): boolean {
  const count = bodies.get(body) ?? 0;
  if (count > 1) bodies.set(body, count - 1);
  else bodies.delete(body);
  return count > 0;
}
