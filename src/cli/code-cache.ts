import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';

// What V8 compiled of the bundle, kept in the user's own cache directory: a file for each command, since each needs another part of it.
// It saves time and nothing else: whatever is wrong with it, the run goes on without, and without a word.

/** Files that are kept; the oldest make room. */
const MOST = 24;
/** V8 runs its content: only this user may write it. */
const WRITABLE_BY_OTHERS = 0o022;

/** Where the cache of this command line is, for this bundle and this V8; undefined when there is no place for it. */
export function cachePlace(bundle: string, argv: readonly string[]): string | undefined {
  const helps = argv.some((word) => word === '--help' || word === '-h');
  const command = (helps ? undefined : argv.find((word) => /^[a-z]{1,20}$/.test(word))) ?? 'help';
  try {
    const own = process.env['XDG_CACHE_HOME'];
    const base = own !== undefined && isAbsolute(own) ? own : join(homedir(), '.cache');
    return isAbsolute(base) ? join(base, 'rmq', 'v8', `${bundle}-${process.versions.v8}-${process.arch}-${command}`) : undefined;
  } catch {
    return undefined;
  }
}

/** What is kept there; undefined when there is nothing that can be trusted. */
export function readCache(place: string): Buffer | undefined {
  let file: number | undefined;
  try {
    if (!isOwn(lstatSync(dirname(place)))) return undefined;
    file = openSync(place, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if (!isOwn(fstatSync(file))) return undefined;
    // V8 checks no sum, and damaged code crashes it. Two copies are compared sooner than JavaScript adds up one.
    const both = readFileSync(file);
    const half = both.length / 2;
    return both.subarray(0, half).equals(both.subarray(half)) ? both.subarray(0, half) : undefined;
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** Keeps it for the next run: all of it or nothing, also when several runs do so at once. */
export function writeCache(place: string, compiled: () => Buffer): void {
  const unfinished = `${place}.${process.pid}`;
  try {
    if (!prepare(dirname(place))) return;
    const file = openSync(unfinished, 'wx', 0o600);
    try {
      const data = compiled();
      for (const copy of [data, data]) if (writeSync(file, copy) < copy.length) throw new Error('the disk is full');
      fsyncSync(file);
      renameSync(unfinished, place);
    } catch {
      unlinkSync(unfinished);
    } finally {
      closeSync(file);
    }
  } catch {
    // A home that cannot be written to, a disk that is full.
  }
}

/** Makes the directory and room in it; false where it would be another user's, such as below the home of the user who called sudo. */
function prepare(directory: string): boolean {
  const missing: string[] = [];
  let there = directory;
  for (; statSync(there, { throwIfNoEntry: false }) === undefined; there = dirname(there)) missing.unshift(there);
  if (statSync(there).uid !== process.geteuid?.()) return false;
  // Node's recursive way never returns where the system has no room for directories, as below /proc.
  for (const path of missing) makeDirectory(path);
  if (!isOwn(lstatSync(directory))) return false;
  const files = readdirSync(directory).map((name) => ({ path: join(directory, name), time: lstatSync(join(directory, name)).mtimeMs }));
  for (const { path } of files.sort((one, other) => other.time - one.time).slice(MOST - 1)) unlinkSync(path);
  return true;
}

/** Another run may make it at the same time. */
function makeDirectory(path: string): void {
  try {
    mkdirSync(path, 0o700);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

function isOwn({ uid, mode }: { readonly uid: number; readonly mode: number }): boolean {
  return uid === process.geteuid?.() && (mode & WRITABLE_BY_OTHERS) === 0;
}
