import { type Address, parseAddress } from '../amqp/connection/address.ts';
import type { Connection } from '../amqp/connection/connection.ts';
import { credentialsOf } from '../amqp/connection/credentials.ts';
import type { Session } from '../amqp/connection/session.ts';
import type { AskManagement } from '../amqp/consumer/return-rules.ts';
import { withControlConnection } from '../amqp/topology/declare.ts';
import { type ManagementApi, openManagementApi } from '../management/api.ts';
import type { Policy } from '../management/facts.ts';
import type { ManagementTls } from '../management/http-exchange.ts';
import { highest, policiesFor } from '../management/policies.ts';
import type { Emit } from '../model/event.ts';
import { Failure, orElse } from '../model/failure.ts';
import { keepPassword } from '../model/secrets.ts';
import type { ConnectionConfig } from './connection.ts';

/** The address of the management API. */
export interface ManagementPlace {
  /** Undefined: the usual one, on the host of the broker's URL. */
  readonly url: string | undefined;
  /** True: the user gave it for this run. */
  readonly asked: boolean;
}

const ANSWER_TIMEOUT = 10_000;
const LIST_TIMEOUT = 30_000;
/** Milliseconds: an address that is only a guess must not hold up a run that can do without. */
const GUESS_TIMEOUT = 2_000;

/**
 * The management API beside a broker: with the user and the vhost of its first URL. It asks nothing yet.
 *
 * @throws Failure `usage` for a URL that cannot be read
 */
export function managementBesideBroker(
  config: ConnectionConfig,
  place: ManagementPlace,
  signal: AbortSignal,
  timeout = config.connectTimeout ?? ANSWER_TIMEOUT,
): ManagementApi {
  const address = parseAddress(config.url[0] ?? '');
  const { host, username, vhost } = address;
  const credentials = credentialsOf(config);
  const asked = async (until: AbortSignal): Promise<string> => {
    const { text } = (await credentials?.secret(until)) ?? { text: '' };
    keepPassword(username, text);
    return text;
  };
  const password = credentials === undefined ? address.password : asked;
  const name = host.includes(':') ? `[${host}]` : host;
  const usual = address.tls ? `https://${name}:15671` : `http://${name}:15672`;
  const tls = (of: string): Promise<ManagementTls> => tlsBeside(config, address, of);
  const listTimeout = config.connectTimeout ?? LIST_TIMEOUT;
  return openManagementApi({ url: place.url ?? usual, username, password, vhost, timeout, listTimeout, signal, tls });
}

/** The certificates of the connection are used for the management API too; the server name of an AMQP URL is that of its own host. */
async function tlsBeside(config: ConnectionConfig, { servername, ...address }: Address, host: string): Promise<ManagementTls> {
  const { tlsOptions } = await import('../amqp/connection/tls.ts');
  const own = { ...address, tls: true, host, servername: host === address.host ? servername : undefined };
  return (await tlsOptions(own, config)) ?? {};
}

/**
 * The management API for a run that can do without: undefined where it does not answer, or belongs to another broker.
 *
 * @throws Failure when the user gave the address, and it cannot be used
 */
export async function managementIfThere(
  config: ConnectionConfig,
  place: ManagementPlace,
  connection: Connection,
  signal: AbortSignal,
  emit: Emit,
): Promise<ManagementApi | undefined> {
  const api = managementBesideBroker(config, place, signal, place.url === undefined ? GUESS_TIMEOUT : undefined);
  const seen = await api.overview().catch(goingOn(place.asked, { emit, signal }));
  if (seen === undefined) return undefined;
  if (connection.cluster === '' || connection.cluster === seen.cluster) return api;
  if (place.asked) throw anotherBroker(api, seen.cluster, connection.cluster);
  emit({ kind: 'detail', text: `the management API at ${api.root} belongs to another broker; continuing without it` });
  return undefined;
}

function anotherBroker({ root }: ManagementApi, its: string, ours: string): Failure {
  return new Failure('usage', `the management API at ${root} belongs to another broker ("${its}") than the URL ("${ours}")`);
}

/**
 * The management API of the broker that the session connects to, for what only the API knows.
 *
 * @throws Failure `usage` when it belongs to another broker, and as the broker or the API fails
 */
export async function managementOf(session: Session, config: ConnectionConfig, place: ManagementPlace): Promise<ManagementApi> {
  const api = managementBesideBroker(config, place, session.signal);
  await withControlConnection(session, async ({ cluster }) => {
    const seen = await api.overview();
    if (cluster !== '' && cluster !== seen.cluster) throw anotherBroker(api, seen.cluster, cluster);
  });
  return api;
}

/** For `catch` where a run can do without the answer of the management API, unless the user asked for it: tells why there is none. */
export function goingOn(asked: boolean, { emit, signal }: { readonly emit: Emit; readonly signal: AbortSignal }): (error: unknown) => undefined {
  return (error) => {
    if (!(error instanceof Failure) || asked || signal.aborted) throw error;
    emit({ kind: 'detail', text: `continuing without the management API: ${error.message}` });
  };
}

/** Finds the management API once, at the first question; see {@link managementIfThere}. */
export type FindManagementApi = (connection: Connection) => Promise<ManagementApi | undefined>;

/** For questions whose answers are not needed. */
export function managementFinder(config: ConnectionConfig, place: ManagementPlace, emit: Emit, signal: AbortSignal): FindManagementApi {
  let api: Promise<ManagementApi | undefined> | undefined;
  return (connection) => {
    api ??= managementIfThere(config, place, connection, signal, emit);
    return api;
  };
}

/** Asks the management API for the arguments and policies of a queue; undefined where it is not available, or does not tell. */
export function askManagement(config: ConnectionConfig, place: ManagementPlace, emit: Emit, signal: AbortSignal): AskManagement {
  const find = managementFinder(config, place, emit, signal);
  return async (name, connection) => {
    const api = await find(connection);
    if (api === undefined) return undefined;
    const [queue, visible = []] = (await Promise.all([api.queue(name), visiblePolicies(api)]).catch(goingOn(place.asked, { emit, signal }))) ?? [];
    if (queue === undefined) return undefined;
    // Any of several with the same priority may apply: the limits of all count.
    const policies = visible.flatMap((all) => highest(policiesFor(all, queue)).map(({ definition }) => definition));
    const { effectivePolicy, ready = 0, readyBytes } = queue;
    return {
      arguments: queue.arguments,
      policies: [...policies, ...(effectivePolicy === undefined ? [] : [effectivePolicy])],
      meanSize: ready === 0 || readyBytes === undefined ? undefined : readyBytes / ready,
    };
  };
}

/** The API itself tells which policies apply only some seconds after they were set. For a user who may not list them, that has to do. */
async function visiblePolicies(api: ManagementApi): Promise<readonly (readonly Policy[])[]> {
  return Promise.all([api.policies(), api.operatorPolicies()]).catch(orElse('denied', []));
}
