import { readFileSync } from 'node:fs';
import { backgroundNode } from '../broker/index.ts';
import { check } from '../commands/command.ts';
import { connectionFlags } from '../commands/globals.ts';
import type { Emit } from '../model/event.ts';
import { Failure } from '../model/failure.ts';
import { hasSecret, keepSecret } from '../model/secrets.ts';
import { ConnectionConfig } from '../patterns/connection.ts';
import type { Decoded } from './program.ts';

const VARIABLES = ['RMQ_URL', 'RABBITMQ_URL', 'AMQP_URL', 'CLOUDAMQP_URL'] as const;
/** Between URLs; a comma elsewhere belongs to one of them. */
const NEXT_URL = /\s*,\s*(?=amqps?:\/\/)/i;
const DEFAULT_URL = 'amqp://guest:guest@localhost:5672/';

/**
 * The connection that the global flags and the environment ask for. Standard input may hold the URL unless it holds the body.
 *
 * @throws Failure `usage`, `missing` or `io`
 */
export function connectionOf(globals: Decoded, env: Readonly<Record<string, string | undefined>>, emit: Emit, stdinIsTaken: boolean): ConnectionConfig {
  if (globals['urlFile'] === '-' && stdinIsTaken) throw new Failure('usage', '--url-file - reads standard input, which is the body here');
  // A program that is run for a message has all of them.
  for (const variable of [...VARIABLES, 'RABBITMQ_MANAGEMENT_URL']) for (const url of (env[variable] ?? '').split(NEXT_URL)) keepSecret(url);
  const { urls, origin } = findUrls(globals, env);
  emit({ kind: 'detail', text: `broker URL from ${origin}` });
  if (origin === '--url' && urls.some(hasSecret)) {
    emit({ kind: 'note', text: 'the password in --url is shown to everybody on this machine by ps: --url-file PATH, or RMQ_URL, keeps it' });
  }
  const own = Object.entries(globals).filter(([key]) => key in connectionFlags);
  return check(ConnectionConfig, { ...Object.fromEntries(own), url: urls.flatMap((url) => url.trim().split(NEXT_URL)) }, connectionFlags);
}

/** The first that is set: flag, file, environment, a node in the background, the default. */
function findUrls(globals: Decoded, env: Readonly<Record<string, string | undefined>>): { urls: readonly string[]; origin: string } {
  const flag = globals['url'] as readonly string[] | undefined;
  const file = globals['urlFile'] as string | undefined;
  if (flag !== undefined && file !== undefined) throw new Failure('usage', '--url and --url-file exclude each other');
  if (flag !== undefined) return { urls: flag, origin: '--url' };
  if (file !== undefined) return { urls: [readUrl(file)], origin: file };
  for (const variable of VARIABLES) {
    const url = env[variable];
    if (url !== undefined && url !== '') return { urls: [url], origin: variable };
  }
  const node = backgroundNode(env);
  return node === undefined ? { urls: [DEFAULT_URL], origin: 'the default' } : { urls: [node.url], origin: 'the node started by rmq broker start' };
}

function readUrl(file: string): string {
  try {
    const text = readFileSync(file === '-' ? 0 : file, 'utf8').trim();
    if (text === '') throw new Failure('data', `--url-file: ${file} is empty`);
    return text;
  } catch (error) {
    if (error instanceof Failure) throw error;
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    throw new Failure(missing ? 'missing' : 'io', `--url-file: cannot read ${file}`, { cause: error });
  }
}
