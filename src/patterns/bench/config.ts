import * as z from 'zod/mini';
import { prefetch } from '../consume/config.ts';
import { milliseconds } from '../names.ts';
import { sendingShape } from '../publish/send.ts';
import { queueShape } from '../queue/shape.ts';
import { clientShape } from '../rpc/client.ts';

const many = (usual: number, least = 0) => z._default(z.int().check(z.minimum(least)), usual);
const transient = z._default(z.boolean(), false);

const benchShape = {
  /** Absent: the type that the vhost gives. */
  queueType: queueShape.queueType,
  /** Bytes of a body. */
  size: z._default(z.int().check(z.minimum(0), z.maximum(134_217_728)), 128),
  /** Messages that are measured. */
  count: z.optional(z.int().check(z.minimum(1))),
  /** Milliseconds of measuring; absent: as long as `count` takes, else 5 s. */
  duration: z.optional(milliseconds()),
};
const BenchShape = z.object(benchShape);
export type BenchShape = z.output<typeof BenchShape>;

/** Messages are published, and confirmed. */
export const BenchPublishConfig = z.strictObject({
  ...benchShape,
  /** Messages before the clock starts. */
  warmUp: many(5_000),
  transient,
  rate: sendingShape.rate,
  window: sendingShape.window,
  confirm: sendingShape.confirm,
});
export type BenchPublishConfig = z.output<typeof BenchPublishConfig>;

/** Messages that wait in a queue are consumed. */
export const BenchConsumeConfig = z.strictObject({
  ...benchShape,
  count: many(100_000, 1),
  /** The clock starts with the delivery of the last of them. */
  warmUp: many(5_000, 1),
  transient,
  prefetch: prefetch(1_000),
  ack: z._default(z.boolean(), true),
});
export type BenchConsumeConfig = z.output<typeof BenchConsumeConfig>;

/** Requests are answered by a server in this process. */
export const BenchRpcConfig = z.strictObject({
  ...benchShape,
  warmUp: many(500),
  /** Calls at a time. */
  concurrency: z._default(z.int().check(z.minimum(1), z.maximum(10_000)), 1),
  timeout: clientShape.timeout,
});
export type BenchRpcConfig = z.output<typeof BenchRpcConfig>;

/** Messages are published at a rate, and consumed in this process. */
export const BenchLatencyConfig = z.strictObject({
  ...benchShape,
  warmUp: many(500),
  transient,
  rate: z._default(z.number().check(z.gt(0), z.maximum(1_000_000)), 1_000),
  prefetch: prefetch(1_000),
});
export type BenchLatencyConfig = z.output<typeof BenchLatencyConfig>;

/** Milliseconds of a measurement that is given neither a count nor a duration, and of one that has a count only. */
const USUAL = 5_000;
const LONGEST = 3_600_000;

/** Milliseconds that measuring takes at the most. */
export function lasting({ count, duration }: Pick<BenchShape, 'count' | 'duration'>): number {
  return duration ?? (count === undefined ? USUAL : LONGEST);
}
