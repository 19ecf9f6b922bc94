import type * as z from 'zod/mini';
import { backgroundNode } from '../../broker/state.ts';
import { urlsIn } from '../../model/secrets.ts';
import type { ConnectionConfig } from '../../patterns/connection.ts';
import type { AskManagement } from '../../patterns/look/options.ts';
import type { FindManagementApi } from '../../patterns/management.ts';
import type { Context, InputsFor } from '../command.ts';
import { choice, duration, type Flag, integer, off, path, pauseRange, size, text, texts, toggle } from './flag.ts';

type ConnectionInput = z.input<typeof ConnectionConfig>;

/** Flags of the connection, one for each key of its config. */
export const connectionFlags = {
  url: texts('AMQP URL; repeat or separate with commas for failover', { short: 'u', value: 'URL', aliases: ['uri'] }),
  connectTimeout: duration('give up on an address after this long (10s)'),
  wait: duration('keep trying until the broker is up, at most this long'),
  connectAttempts: integer('rounds over all addresses before the first success (1)'),
  maxReconnects: integer('attempts to reconnect, in a row and each over every URL, before giving up (12; no limit for a run without an end)'),
  reconnect: off('give up as soon as the connection is lost'),
  reconnectDelay: pauseRange('shortest and longest pause before connecting again'),
  heartbeat: duration('heartbeat interval, 0s for none (60s)'),
  blockedTimeout: duration('give up when an alarm blocks publishing for this long'),
  answerTimeout: duration('give up a connection when the broker answers nothing for this long'),
  maxMessageSize: size('largest message to receive'),
  cacert: path("CA certificates (PEM) to trust instead of the system's"),
  cert: path('client certificate (PEM)'),
  key: path('private key of the client certificate (PEM)'),
  passphraseFile: path('file with the passphrase of the private key'),
  servername: text("name expected in the broker's certificate", { value: 'NAME' }),
  insecure: toggle('accept any certificate'),
  name: text('connection name shown by the broker', { value: 'NAME' }),
} as const satisfies InputsFor<Omit<ConnectionInput, 'password' | 'token'>>;

/** Flags that every command takes and that are not the connection's. */
export const generalFlags = {
  context: text('the context to use: a broker with a name (RMQ_CONTEXT, else that of rmq context use)', { short: 'c', value: 'NAME', completes: 'context' }),
  confirm: text('confirm by its name what cannot be undone in a protected context', { value: 'CONTEXT', completes: 'context' }),
  urlFile: path('read the URL from a file', { value: 'PATH' }),
  password: text('sh -c CMD prints the password; it runs before the first connection, and again when the password is refused', {
    long: 'password-command',
    value: 'CMD',
  }),
  token: text('sh -c CMD prints an OAuth 2.0 token; it runs again before that expires', { long: 'token-command', value: 'CMD' }),
  output: choice(['text', 'json', 'raw'], 'output format', { short: 'o', value: 'FORMAT' }),
  json: toggle('same as -o json'),
  quiet: toggle('print results and errors only'),
  verbose: toggle('show what is going on', { short: 'v' }),
  color: off('no colours'),
  yes: toggle('do not ask', { short: 'y' }),
} as const satisfies Record<string, Flag<unknown>>;

export const globalFlags: Readonly<Record<string, Flag<unknown>>> = { ...connectionFlags, ...generalFlags };

/** The flags that every command takes, with the defaults of the connection in their help. */
export async function describedGlobals(): Promise<typeof globalFlags> {
  const [{ withDefaults }, { ConnectionConfig: config }] = await Promise.all([import('./defaults.ts'), import('../../patterns/connection.ts')]);
  return withDefaults(globalFlags, [config]) as typeof globalFlags;
}

/** For commands that ask the management API. */
export const managementExtras = {
  managementUrl: text("the management API (RABBITMQ_MANAGEMENT_URL, else port 15672 of the broker's host)", { value: 'URL' }),
};

/** Where the API is, first that is set: flag, context, environment, the node in the background when the broker's URL is its own. */
export function managementPlace(
  given: string | undefined,
  { env, connection, target }: Context,
): { readonly url: string | undefined; readonly asked: boolean } {
  if (given !== undefined) return { url: given, asked: true };
  // The variable is about the broker of the other variables.
  if (target.name !== undefined) return { url: target.managementUrl, asked: target.managementUrl !== undefined };
  const variable = env['RABBITMQ_MANAGEMENT_URL'];
  if (variable !== undefined && variable !== '') return { url: variable, asked: false };
  const node = backgroundNode(env);
  const isNode = node?.url.split(',').includes(connection.url[0] ?? '') === true;
  return { url: isNode ? node.managementUrl : undefined, asked: false };
}

/**
 * The management API for a command that asks nothing else. RABBITMQ_MANAGEMENT_URL belongs to RABBITMQ_URL: where another URL is in use, the broker there is asked for
 * the name of its cluster first, which must be that of the API.
 *
 * @throws Failure `usage` when it is about another broker
 */
export async function managementAlone(managementUrl: string | undefined, context: Context) {
  const { managementBesideBroker, managementOf } = await import('../../patterns/management.ts');
  const { connection, env, signal, withSession } = context;
  const place = managementPlace(managementUrl, context);
  const { RABBITMQ_URL: usual = '', RABBITMQ_MANAGEMENT_URL: variable } = env;
  const isAnother = usual !== '' && !urlsIn(usual).includes(connection.url[0] ?? '');
  if (isAnother && !place.asked && place.url === variable && variable !== undefined) return withSession((session) => managementOf(session, connection, place));
  return managementBesideBroker(connection, place, signal);
}

export async function managementApi(managementUrl: string | undefined, context: Context): Promise<FindManagementApi> {
  const { managementFinder } = await import('../../patterns/management.ts');
  return managementFinder(context.connection, managementPlace(managementUrl, context), context.emit, context.signal);
}

/** Asks the management API, where there is one, about a queue and its policies. */
export async function managementBeside(managementUrl: string | undefined, context: Context): Promise<AskManagement> {
  const { askManagement } = await import('../../patterns/management.ts');
  return askManagement(context.connection, managementPlace(managementUrl, context), context.emit, context.signal);
}
