import * as z from 'zod/mini';
import type { Session } from '../../../amqp/connection/session.ts';
import type { Selection } from '../../../model/dead-letter/selection.ts';
import type { Delivery } from '../../../model/message/message.ts';
import type { AskManagement, ReadSummary } from '../../look/options.ts';
import { filterRules, lettersShape, readMatching } from '../filter/filter.ts';
import { type Manifest, openBundle } from './writer.ts';

/** Bytes after which a bundle continues in another file. */
export const FILE_SIZE = 64 * 1_048_576;

export const ExportConfig = z
  .strictObject({
    ...lettersShape,
    /** The directory of the bundle; it must not exist, or be empty. */
    directory: z.optional(z.string().check(z.minLength(1))),
    /** Bytes after which the bundle continues in another file. */
    fileSize: z._default(z.int().check(z.minimum(1_024)), FILE_SIZE),
  })
  .check(...filterRules);
export type ExportConfig = z.output<typeof ExportConfig>;

export interface Exported extends ReadSummary {
  readonly exported: number;
}

/** Hands the matching or selected dead letters to a writer, and leaves the queue as it is. */
export async function exportTo(
  session: Session,
  config: ExportConfig,
  now: number,
  write: (delivery: Delivery) => Promise<void>,
  ask?: AskManagement,
  only?: Selection,
): Promise<Exported> {
  const { count = Number.POSITIVE_INFINITY, force } = config;
  const options = { force, ask, enough: () => exported >= count };
  let exported = 0;
  const onMatch = (delivery: Delivery): Promise<undefined> => {
    exported++;
    return write(delivery).then(() => undefined);
  };
  const summary = await readMatching(session, config, options, now, onMatch, only);
  return { ...summary, exported };
}

/** Writes the matching or selected dead letters into a new bundle. */
export async function exportBundle(
  session: Session,
  config: ExportConfig & { readonly directory: string },
  now: number,
  ask?: AskManagement,
  only?: Selection,
): Promise<Exported & { readonly manifest: Manifest }> {
  const bundle = await openBundle(config.directory, config.queue, config.fileSize);
  try {
    const exported = await exportTo(session, config, now, bundle.add, ask, only);
    return { ...exported, manifest: await bundle.finish() };
  } finally {
    await bundle.close();
  }
}
