import { mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { whenLeaving } from './leaving.ts';

/** Files up to this size are written while everything else waits: a round through the thread pool would take longer. */
const SMALL = 65_536;

/** Writes a file that nobody but this user may read. */
export async function writePrivately(path: string, content: Buffer | string): Promise<void> {
  const options = { mode: 0o600, flag: 'wx' };
  if (content.length > SMALL) await writeFile(path, content, options);
  else writeFileSync(path, content, options);
}

/** A descriptor from which a child can read all of it, from a file that has no name any more; undefined where there is no room for one. */
export async function spool(content: Buffer | string): Promise<number | undefined> {
  let clear = (): void => undefined;
  const calledOff = whenLeaving(() => clear());
  try {
    const directory = mkdtempSync(join(tmpdir(), 'rmq-'));
    clear = () => rmSync(directory, { recursive: true, force: true });
    const path = join(directory, 'message');
    await writePrivately(path, content);
    return openSync(path, 'r');
  } catch {
    return undefined;
  } finally {
    clear();
    calledOff();
  }
}
