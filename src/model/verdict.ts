/**
 * What becomes of a delivery; each gets exactly one.
 *
 * - `ack`: done, the queue may forget it
 * - `requeue`: back to the queue
 * - `dead`: rejected; dead-lettered where the queue has a dead-letter exchange, dropped where it has none
 * - `hold`: kept without an answer until the consumer closes, then back to the queue
 */
export type Verdict = 'ack' | 'requeue' | 'dead' | 'hold';
