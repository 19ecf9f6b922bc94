import { createHash } from 'node:crypto';
import { lstat, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { homedir, userInfo } from 'node:os';
import { isAbsolute, join } from 'node:path';
import type { managementBesideBroker } from '../../patterns/management.ts';
import { uniqueId } from '../../patterns/names.ts';

/** What a broker is asked for while a line is typed. */
export const NAMED = ['queue', 'exchange'] as const;

export type Named = (typeof NAMED)[number];

/** The part of a management API that is asked. */
type NameSource = Pick<ReturnType<typeof managementBesideBroker>, 'root' | 'vhost' | 'objects'>;

/** Whoever presses Tab waits half a second at most; milliseconds, without the start of the process. */
export const NAMES_TIMEOUT = 400;
/** How long the names of a broker hold, in milliseconds. */
const FRESH = 5_000;

/**
 * The names of all queues or exchanges of a vhost, kept in the user's cache directory for some seconds. The cache holds names only, in files that nobody else
 * may read or may have written.
 *
 * @throws whatever keeps the management API from an answer
 */
export async function namesOf(api: NameSource, user: string, named: Named, env: Readonly<Record<string, string | undefined>>): Promise<readonly string[]> {
  const directory = cacheDirectory(env);
  const key = createHash('sha256')
    .update(JSON.stringify([api.root, api.vhost, user, named]))
    .digest('hex')
    .slice(0, 32);
  const path = join(directory, key);
  const kept = await readKept(directory, path).catch(() => undefined);
  if (kept !== undefined) return kept;
  // Of thousands of queues, the names alone come in time.
  const found = await api.objects(`${named}s`, ['name'], { everywhere: false, queues: [] });
  // A name that is typed on a line is one of a line, and no flag.
  const names = found.map(({ name }) => String(name)).filter((name) => /^[^\p{Cc}-][^\p{Cc}]*$/u.test(name));
  await keep(directory, path, names).catch(() => undefined);
  return names;
}

function cacheDirectory(env: Readonly<Record<string, string | undefined>>): string {
  const given = env['XDG_CACHE_HOME'];
  return join(given !== undefined && isAbsolute(given) ? given : join(env['HOME'] || homedir(), '.cache'), 'rmq', 'names');
}

async function readKept(directory: string, path: string): Promise<readonly string[] | undefined> {
  if (!(await isOwn(directory)) || !(await isOwn(path))) return undefined;
  const { mtimeMs } = await lstat(path);
  const age = Date.now() - mtimeMs;
  const names: unknown = age >= 0 && age < FRESH ? JSON.parse(await readFile(path, 'utf8')) : undefined;
  return Array.isArray(names) && names.every((name) => typeof name === 'string') ? names : undefined;
}

/** False for what belongs to another user, what others may read or write, and for a link to anywhere. */
async function isOwn(path: string): Promise<boolean> {
  const stats = await lstat(path);
  return !stats.isSymbolicLink() && stats.uid === userInfo().uid && (stats.mode & 0o077) === 0;
}

async function keep(directory: string, path: string, names: readonly string[]): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  if (!(await isOwn(directory))) return;
  const begun = `${path}.${uniqueId()}`;
  await writeFile(begun, JSON.stringify(names), { mode: 0o600, flag: 'wx' });
  await rename(begun, path);
}
