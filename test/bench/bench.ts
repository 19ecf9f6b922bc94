import type { BenchQueue } from './queue.ts';

/** What every group of rows works with. */
export interface Bench {
  readonly url: string;
  /** Of the management API; undefined where RABBITMQ_URL is given without RABBITMQ_MANAGEMENT_URL. */
  readonly management: string | undefined;
  readonly queue: BenchQueue;
  /** For files; removed in the end. */
  readonly directory: string;
  readonly rounds: { readonly start: number; readonly load: number; readonly memory: number };
  readonly messages: number;
  /** Messages of the long run, whose memory must not be more than that of the short one. */
  readonly manyMessages: number;
  readonly say: (text: string) => void;
}
