import { type Address, parseAddress } from '../../amqp/address.ts';
import type { Connection } from '../../amqp/connection.ts';
import { type Desk, openDesk } from '../../management/desk.ts';
import type { DeskTls } from '../../management/exchange.ts';
import type { Emit } from '../../model/event.ts';
import { Failure } from '../../model/failure.ts';
import { ConnectionConfig } from '../connection.ts';
import { checkedOptions } from '../options.ts';

/** Where the management API is said to be. */
export interface DeskPlace {
  /** Undefined: where it usually is, on the host of the broker's URL. */
  readonly url: string | undefined;
  /** True: the user has named it for this run. */
  readonly asked: boolean;
}

const ANSWER_TIMEOUT = 10_000;
/** A place that is only guessed must not hold up a run that can do without. */
const GUESS_TIMEOUT = 2_000;

/**
 * The management API beside a broker: as the user, and in the vhost, of its first URL. Nothing is asked yet.
 *
 * @throws Failure `usage` for a URL that cannot be read
 */
export function deskBeside(config: ConnectionConfig, place: DeskPlace, signal: AbortSignal, timeout = config.connectTimeout ?? ANSWER_TIMEOUT): Desk {
  const address = parseAddress(config.url[0] ?? '');
  const { host, tls, username, password, vhost } = address;
  const name = host.includes(':') ? `[${host}]` : host;
  const usual = tls ? `https://${name}:15671` : `http://${name}:15672`;
  return openDesk({ url: place.url ?? usual, username, password, vhost, timeout, signal, tls: (of) => tlsBeside(config, address, of) });
}

/** The certificates of the connection hold for the management API too; the name that an AMQP URL gives is that of its own host. */
async function tlsBeside(config: ConnectionConfig, { servername, ...address }: Address, host: string): Promise<DeskTls> {
  const { tlsOptions } = await import('../../amqp/tls.ts');
  const own = { ...address, tls: true, host, servername: host === address.host ? servername : undefined };
  return (await tlsOptions(own, config)) ?? {};
}

/**
 * The management API for one who can do without: undefined where it does not answer, or belongs to another broker.
 *
 * @throws Failure when the user has named the place, and it cannot be used
 */
export async function deskIfThere(
  config: ConnectionConfig,
  place: DeskPlace,
  connection: Connection,
  signal: AbortSignal,
  emit: Emit,
): Promise<Desk | undefined> {
  const desk = deskBeside(config, place, signal, place.url === undefined ? GUESS_TIMEOUT : undefined);
  try {
    const { cluster } = await desk.overview();
    const properties = connection.model.connection.serverProperties as { readonly cluster_name?: unknown };
    if (properties.cluster_name === undefined || properties.cluster_name === cluster) return desk;
    if (place.asked) {
      throw new Failure(
        'usage',
        `the management API at ${desk.root} belongs to another broker ("${cluster}") than the URL ("${String(properties.cluster_name)}")`,
      );
    }
    emit({ kind: 'detail', text: `the management API at ${desk.root} belongs to another broker; going on without` });
  } catch (error) {
    if (!(error instanceof Failure) || place.asked || signal.aborted) throw error;
    emit({ kind: 'detail', text: `going on without the management API: ${error.message}` });
  }
  return undefined;
}

/** Finds the management API once, when it is first asked for; see {@link deskIfThere}. */
export type FindDesk = (connection: Connection) => Promise<Desk | undefined>;

/** For several questions that can do without an answer. */
export function deskFinder(config: ConnectionConfig, place: DeskPlace, emit: Emit, signal: AbortSignal): FindDesk {
  let desk: Promise<Desk | undefined> | undefined;
  return (connection) => {
    desk ??= deskIfThere(config, place, connection, signal, emit);
    return desk;
  };
}

/**
 * The management API for a program that inspects or replays dead letters: it knows which origins can be true. It is found at this URL, or where it usually
 * is beside the broker of the connection; a run that finds none goes on without.
 *
 * @throws Failure `usage` for a wrong connection or URL; later, where the URL is given and cannot be used
 */
export function managementApi(connection: ConnectionConfig, url?: string): FindDesk {
  const config = checkedOptions(ConnectionConfig, connection);
  if (url !== undefined && typeof url !== 'string') throw new Failure('usage', 'the URL of the management API must be a text');
  return deskFinder(config, { url, asked: url !== undefined }, () => undefined, new AbortController().signal);
}
