import * as z from 'zod/mini';
import type { Session } from '../../../amqp/connection/session.ts';
import type { Selection } from '../../../model/dead-letter/selection.ts';
import type { Delivery } from '../../../model/message/message.ts';
import type { AskManagement, ReadSummary } from '../../look/options.ts';
import { purgeQueue } from '../../queue/purge.ts';
import { filterRules, isFiltered, lettersShape, readMatching } from '../filter/filter.ts';
import { FILE_SIZE } from './export.ts';
import { type Manifest, openBundle } from './writer.ts';

export const PurgeConfig = z
  .strictObject({
    ...lettersShape,
    /** A new bundle that gets the messages before they are removed. */
    exportTo: z.optional(z.string().check(z.minLength(1))),
  })
  .check(...filterRules);
export type PurgeConfig = z.output<typeof PurgeConfig>;

export interface Purged extends Pick<ReadSummary, 'copiedBack' | 'stranded'> {
  readonly purged: number;
  /** What was exported first. */
  readonly manifest: Manifest | undefined;
}

/** True when a purge has to look at the messages. */
export function isSelective(config: PurgeConfig): boolean {
  return isFiltered(config) || config.count !== undefined;
}

/**
 * Removes the matching or selected dead letters; with a bundle, only once it is complete and on the disk.
 *
 * @throws Failure as `openBundle` and `readThrough` do: nothing was removed then, unless the connection was lost at the end
 */
export async function purge(session: Session, config: PurgeConfig, now: number, ask?: AskManagement, only?: Selection): Promise<Purged> {
  const { queue, exportTo: directory, count = Number.POSITIVE_INFINITY, force } = config;
  if (directory === undefined && only === undefined && !isSelective(config)) {
    return { purged: await purgeQueue(session, queue), copiedBack: 0, stranded: 0, manifest: undefined };
  }
  const bundle = directory === undefined ? undefined : await openBundle(directory, queue, FILE_SIZE);
  let matched = 0;
  let manifest: Manifest | undefined;
  const take = async (): Promise<void> => {
    manifest = await bundle?.finish();
  };
  try {
    const options = { force, ask, enough: () => matched >= count, take };
    const onMatch = (delivery: Delivery): true | Promise<true> => {
      matched++;
      return bundle === undefined ? true : bundle.add(delivery).then(() => true);
    };
    const { chosen, copiedBack, stranded } = await readMatching(session, config, options, now, onMatch, only);
    return { purged: chosen, copiedBack, stranded, manifest };
  } finally {
    await bundle?.close();
  }
}
