import { createHash } from 'node:crypto';
import type { WireDelivery } from './delivery.ts';

/** Bytes up to which a body is kept as it is until its answer is proven, as most are never compared; a longer one is known by so many bytes of its ends. */
const KEPT = 4_096;

type Arrived = Pick<WireDelivery, 'redelivered'> & { readonly body: Buffer | string };

/** How often a body is in a set. */
type Bodies = Map<string, number>;

/**
 * Recognizes the messages that come again after a lost channel, by their bodies: AMQP names no message. The queue delivers what had no answer, and of
 * what a handler got only those whose answer the broker never had. Each is marked as redelivered, also after its node was killed (tried on 3.10.8, 4.0.5 and 4.3.6).
 */
export class Repeats {
  /** What arrived on this channel and has no proven answer; the first has the tag `#low`. */
  #unproven: (Arrived | undefined)[] = [];
  #low = 1;
  /** What arrived on a lost channel and reached no handler: it comes again, and is no repeat. */
  readonly #unseen: Bodies = new Map();
  /** What a handler got, and the broker may know the answer of. */
  readonly #seen: Bodies = new Map();

  /** Messages that a handler got on a lost channel, and that have not come again. */
  get away(): number {
    return [...this.#seen.values()].reduce((sum, count) => sum + count, 0);
  }

  opened(delivery: WireDelivery): void {
    const { tag, body, redelivered } = delivery;
    this.#unproven[tag - this.#low] = body.length > KEPT ? { body: digest(body), redelivered } : delivery;
  }

  /** A handler gets the delivery. Returns whether one got its message on a lost channel. */
  begin(tag: number): boolean {
    if (this.#seen.size + this.#unseen.size === 0) return false;
    const delivery = this.#unproven[tag - this.#low];
    if (delivery?.redelivered !== true) return false;
    const body = digest(delivery.body);
    return !remove(this.#unseen, body) && remove(this.#seen, body);
  }

  /** The broker has the answers of these deliveries. */
  prove(tags: readonly number[]): void {
    for (const tag of tags) this.#unproven[tag - this.#low] = undefined;
    let proven = 0;
    while (proven < this.#unproven.length && this.#unproven[proven] === undefined) proven++;
    this.#unproven.splice(0, proven);
    this.#low += proven;
  }

  /** The channel is lost, and `withQueue` the queue too, so that nothing comes again; `isOpen` tells what reached no handler. */
  lose(withQueue: boolean, isOpen: (tag: number) => boolean): void {
    for (const [index, delivery] of withQueue ? [] : this.#unproven.entries()) {
      if (delivery === undefined) continue;
      if (!isOpen(this.#low + index)) add(this.#seen, digest(delivery.body));
      // One that came again and reached no handler this time either is known already.
      else if (!delivery.redelivered) add(this.#unseen, digest(delivery.body));
    }
    [this.#unproven, this.#low] = [[], 1];
  }
}

function digest(body: Buffer | string): string {
  if (typeof body === 'string') return body;
  const hash = createHash('sha1');
  if (body.length <= KEPT) hash.update(body);
  else
    hash
      .update(`${body.length}`)
      .update(body.subarray(0, KEPT / 2))
      .update(body.subarray(-KEPT / 2));
  return hash.digest('base64');
}

function add(bodies: Bodies, body: string): void {
  bodies.set(body, (bodies.get(body) ?? 0) + 1);
}

function remove(bodies: Bodies, body: string): boolean {
  const count = bodies.get(body) ?? 0;
  if (count > 1) bodies.set(body, count - 1);
  else bodies.delete(body);
  return count > 0;
}
