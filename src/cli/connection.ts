import { existsSync } from 'node:fs';
import { backgroundNode } from '../broker/state.ts';
import type { BrokerTarget } from '../commands/asking.ts';
import { check } from '../commands/command.ts';
import type { StoredContext } from '../commands/context/file.ts';
import { contextsPath } from '../commands/context/index.ts';
import { connectionFlags } from '../commands/flags/globals.ts';
import type { Emit } from '../model/event.ts';
import { Failure } from '../model/failure.ts';
import { MAX_TIMER } from '../model/quantity.ts';
import { hasSecret, keepSecret, shownUrl, urlsIn } from '../model/secrets.ts';
import { ConnectionConfig } from '../patterns/connection.ts';
import { readChunks } from '../patterns/publish/input.ts';
import type { Io } from './io.ts';
import type { Decoded } from './program.ts';

const VARIABLES = ['RMQ_URL', 'RABBITMQ_URL', 'AMQP_URL', 'CLOUDAMQP_URL'] as const;
const DEFAULT_URL = 'amqp://guest:guest@localhost:5672/';

interface Surroundings {
  readonly emit: Emit;
  readonly signal: AbortSignal;
  /** Milliseconds for the whole run, where the command line limits it. */
  readonly timeout: unknown;
  readonly stdinIsTaken: boolean;
  /** False for a command that connects to no broker: no context is of use to it. */
  readonly connects: boolean;
}

/**
 * The connection that the global flags and the environment ask for. Standard input may hold the URL unless it holds the body.
 *
 * @throws Failure `usage`, `missing`, `io`, `deadline`, or what the signal was aborted with
 */
export async function connectionOf(
  globals: Decoded,
  io: Io,
  { emit, signal, timeout, stdinIsTaken, connects }: Surroundings,
): Promise<{ readonly connection: ConnectionConfig; readonly target: BrokerTarget }> {
  const { env } = io;
  if (globals['urlFile'] === '-' && stdinIsTaken) throw new Failure('usage', '--url-file - reads standard input, which is the body here');
  // A handler's program inherits all of these variables.
  for (const variable of [...VARIABLES, 'RABBITMQ_MANAGEMENT_URL']) for (const url of urlsIn(env[variable] ?? '')) keepSecret(url);
  const file = globals['urlFile'] as string | undefined;
  if (globals['url'] !== undefined && file !== undefined) throw new Failure('usage', '--url and --url-file exclude each other');
  const context = connects ? await contextOf(globals, env) : undefined;
  const urlFile = file ?? context?.urlFile;
  const { urls, origin } =
    urlFile === undefined
      ? findUrls(globals, env, context)
      : { urls: [await readUrl(urlFile, io, signal, timeout)], origin: context === undefined ? urlFile : `the context ${context.name}` };
  emit({ kind: 'detail', text: `broker URL from ${origin}` });
  if (origin === '--url' && urls.some(hasSecret)) {
    emit({ kind: 'note', text: 'ps shows the password in --url to every user of this machine: --url-file PATH or RMQ_URL hides it' });
  }
  const given = context === undefined ? globals : overlaid(context, globals);
  const own = Object.entries(given).filter(([key]) => key in connectionFlags);
  const url = urls.flatMap(urlsIn);
  const connection = check(ConnectionConfig, { ...Object.fromEntries(own), ...secretsOf(given), url }, connectionFlags);
  const { name, protected: isProtected = false, managementUrl } = context ?? {};
  const text = [...(name === undefined ? [] : [name]), ...(isProtected ? ['(protected)'] : []), url.map(shownUrl).join(',')].join(' ');
  if (name !== undefined) emit({ kind: 'detail', text: `this is ${text}` });
  return { connection, target: { name, protected: isProtected, managementUrl, text } };
}

type NamedContext = StoredContext & { readonly name: string };

/** The context that is asked for: by flag, by variable, or by `rmq context use`. A URL on the command line needs none. */
async function contextOf(
  { url, urlFile, context: flag, confirm }: Decoded,
  env: Readonly<Record<string, string | undefined>>,
): Promise<NamedContext | undefined> {
  const hasUrl = url !== undefined || urlFile !== undefined;
  if (hasUrl && flag !== undefined) throw new Failure('usage', `--context and ${url === undefined ? '--url-file' : '--url'} exclude each other`);
  const asked = (flag as string | undefined) ?? env['RMQ_CONTEXT'];
  const path = contextsPath(env);
  const found = !hasUrl && (asked === undefined ? existsSync(path) : asked !== '' || flag !== undefined);
  const context = found ? await namedContext(path, asked) : undefined;
  if (confirm !== undefined && confirm !== context?.name) {
    const what = context === undefined ? 'no context is used' : `the context is ${context.name}`;
    throw new Failure('usage', `--confirm ${confirm}, but ${what}`, { hint: 'nothing was done; rmq context show tells which one is used' });
  }
  return context;
}

async function namedContext(path: string, asked: string | undefined): Promise<NamedContext | undefined> {
  const { contextCalled, readContexts } = await import('../commands/context/file.ts');
  const file = readContexts(path);
  const name = asked ?? file.current;
  return name === undefined ? undefined : { name, ...contextCalled(name, file) };
}

/** What the command line says wins, one by one; of a password and a token it is either. */
function overlaid({ password, token, cacert, cert, key, passphraseFile, servername }: NamedContext, globals: Decoded): Decoded {
  const isSecretGiven = globals['password'] !== undefined || globals['token'] !== undefined;
  const stored = { cacert, cert, key, passphraseFile, servername, ...(!isSecretGiven && { password, token }) };
  return { ...Object.fromEntries(Object.entries(stored).filter(([, value]) => value !== undefined)), ...globals };
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
function findUrls(
  globals: Decoded,
  env: Readonly<Record<string, string | undefined>>,
  context: NamedContext | undefined,
): { urls: readonly string[]; origin: string } {
  const flag = globals['url'] as readonly string[] | undefined;
  if (flag !== undefined) return { urls: flag, origin: '--url' };
  if (context?.url !== undefined) return { urls: context.url, origin: `the context ${context.name}` };
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
