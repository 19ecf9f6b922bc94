import { backgroundNode } from '../broker/state.ts';
import { check } from '../commands/command.ts';
import { connectionFlags } from '../commands/flags/globals.ts';
import type { Emit } from '../model/event.ts';
import { Failure } from '../model/failure.ts';
import { MAX_TIMER } from '../model/quantity.ts';
import { hasSecret, keepSecret } from '../model/secrets.ts';
import { ConnectionConfig } from '../patterns/connection.ts';
import { readChunks } from '../patterns/publish/input.ts';
import type { Io } from './io.ts';
import type { Decoded } from './program.ts';

const VARIABLES = ['RMQ_URL', 'RABBITMQ_URL', 'AMQP_URL', 'CLOUDAMQP_URL'] as const;
/** Separates URLs; other commas belong to a URL. */
const NEXT_URL = /\s*,\s*(?=amqps?:\/\/)/i;
const DEFAULT_URL = 'amqp://guest:guest@localhost:5672/';

interface Surroundings {
  readonly emit: Emit;
  readonly signal: AbortSignal;
  /** Milliseconds for the whole run, where the command line limits it. */
  readonly timeout: unknown;
  readonly stdinIsTaken: boolean;
}

/**
 * The connection that the global flags and the environment ask for. Standard input may hold the URL unless it holds the body.
 *
 * @throws Failure `usage`, `missing`, `io`, `deadline`, or what the signal was aborted with
 */
export async function connectionOf(globals: Decoded, io: Io, { emit, signal, timeout, stdinIsTaken }: Surroundings): Promise<ConnectionConfig> {
  const { env } = io;
  if (globals['urlFile'] === '-' && stdinIsTaken) throw new Failure('usage', '--url-file - reads standard input, which is the body here');
  // A handler's program inherits all of these variables.
  for (const variable of [...VARIABLES, 'RABBITMQ_MANAGEMENT_URL']) for (const url of (env[variable] ?? '').split(NEXT_URL)) keepSecret(url);
  const file = globals['urlFile'] as string | undefined;
  if (globals['url'] !== undefined && file !== undefined) throw new Failure('usage', '--url and --url-file exclude each other');
  const { urls, origin } = file === undefined ? findUrls(globals, env) : { urls: [await readUrl(file, io, signal, timeout)], origin: file };
  emit({ kind: 'detail', text: `broker URL from ${origin}` });
  if (origin === '--url' && urls.some(hasSecret)) {
    emit({ kind: 'note', text: 'ps shows the password in --url to every user of this machine: --url-file PATH or RMQ_URL hides it' });
  }
  const own = Object.entries(globals).filter(([key]) => key in connectionFlags);
  const config = { ...Object.fromEntries(own), ...secretsOf(globals), url: urls.flatMap((url) => url.trim().split(NEXT_URL)) };
  return check(ConnectionConfig, config, connectionFlags);
}

/** The commands that print a password or a token; none runs before a connection needs it. */
function secretsOf({ password, token }: Decoded): Pick<ConnectionConfig, 'password' | 'token'> {
  if (password !== undefined && token !== undefined) throw new Failure('usage', '--password-command and --token-command exclude each other');
  return {
    ...(typeof password === 'string' && { password: printedBy('--password-command', password) }),
    ...(typeof token === 'string' && { token: printedBy('--token-command', token) }),
  };
}

function printedBy(name: string, line: string): NonNullable<ConnectionConfig['password']> {
  return async (signal) => {
    const { outputOfCommand } = await import('../handlers/secret-command.ts');
    return outputOfCommand(line, name, signal);
  };
}

/** The first that is set: flag, environment, a node in the background, the default. */
function findUrls(globals: Decoded, env: Readonly<Record<string, string | undefined>>): { urls: readonly string[]; origin: string } {
  const flag = globals['url'] as readonly string[] | undefined;
  if (flag !== undefined) return { urls: flag, origin: '--url' };
  for (const variable of VARIABLES) {
    const url = env[variable];
    if (url !== undefined && url !== '') return { urls: [url], origin: variable };
  }
  const node = backgroundNode(env);
  return node === undefined ? { urls: [DEFAULT_URL], origin: 'the default' } : { urls: [node.url], origin: 'the node started by rmq broker start' };
}

/** A pipe may never be written to: the signal and the deadline of the run end the wait. */
async function readUrl(file: string, io: Io, signal: AbortSignal, timeout: unknown): Promise<string> {
  const late = new AbortController();
  const pass = (): void => late.abort(new Failure('deadline', `--url-file: nothing arrived from ${file} before the deadline (--timeout)`));
  const timer = typeof timeout === 'number' && timeout <= MAX_TIMER ? setTimeout(pass, timeout) : undefined;
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of readChunks(file === '-' ? io.stdin() : io.open(file), AbortSignal.any([signal, late.signal]))) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString('utf8').trim();
    if (text === '') throw new Failure('data', `--url-file: ${file} is empty`);
    return text;
  } catch (error) {
    if (error instanceof Failure && error.kind !== 'io') throw error;
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    throw new Failure(missing ? 'missing' : 'io', `--url-file: cannot read ${file}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}
