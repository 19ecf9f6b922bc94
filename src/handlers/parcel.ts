import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { formatEnvelope } from '../model/envelope.ts';
import type { Delivery } from '../model/message.ts';
import { CannotLaunch } from './launcher.ts';
import { writePrivately } from './spool.ts';

/** A message in files, which nobody but this user may read. */
export interface Parcel {
  readonly body: string;
  /** Undefined when it was not asked for. */
  readonly envelope: string | undefined;
}

let parcels = 0;

/**
 * Puts a message into files of a private directory for as long as it is used.
 *
 * @throws CannotLaunch when there is no room for it, and whatever `use` throws
 */
export async function withParcel<T>(directory: string, delivery: Delivery, fd3: boolean, use: (parcel: Parcel) => Promise<T>): Promise<T> {
  const body = join(directory, String(++parcels));
  const envelope = fd3 ? `${body}.envelope` : undefined;
  const described = fd3 ? `${formatEnvelope(delivery, { jsonBody: false })}\n` : '';
  try {
    await write(body, delivery.body);
    if (envelope !== undefined) await write(envelope, described);
    return await use({ body, envelope });
  } finally {
    remove(body);
    if (envelope !== undefined) remove(envelope);
  }
}

async function write(path: string, content: Buffer | string): Promise<void> {
  try {
    await writePrivately(path, content);
  } catch (error) {
    throw new CannotLaunch('a message cannot be written to a file', { cause: error });
  }
}

/** Nobody waits for it, nor minds: the directory goes in the end. */
function remove(path: string): void {
  rm(path, { force: true }).catch(() => undefined);
}
