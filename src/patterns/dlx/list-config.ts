import * as z from 'zod/mini';
import { queueName } from '../names.ts';

/** What `rmq dlx list` takes: the queues to look at; every one that dead-letters when there are none. */
export const DlxListConfig = z.strictObject({ queue: z._default(z.array(queueName('QUEUE')), []) });
export type DlxListConfig = z.output<typeof DlxListConfig>;
