import { Failure } from '../../model/failure.ts';
import { ambiguityOf, keepSecret } from '../../model/secrets.ts';

/** One broker, as a URL names it. */
export interface Address {
  readonly tls: boolean;
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  readonly vhost: string;
  /** SASL mechanism: EXTERNAL takes the login from the client certificate. */
  readonly mechanism: 'plain' | 'external';
  /** From the query, where it says so: milliseconds. */
  readonly heartbeat: number | undefined;
  readonly connectTimeout: number | undefined;
  readonly channelMax: number | undefined;
  readonly cacert: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly passphrase: string | undefined;
  readonly servername: string | undefined;
  readonly insecure: boolean | undefined;
  /** Query keys that mean nothing here. */
  readonly ignored: readonly string[];
  /** The URL for people: without password and query. */
  readonly text: string;
}

const ENCODE_HINT = 'percent-encode / ? # @ : and % in names and passwords; the vhost "/" is written %2F';

/**
 * Parses an AMQP URL with the query keys of RabbitMQ's URI specification (https://www.rabbitmq.com/docs/uri-query-parameters).
 * Names, passwords and the vhost are percent-decoded as UTF-8. No path, or a bare `/`, is the vhost `/`.
 *
 * @throws Failure `usage`; its message never holds the password
 */
export function parseAddress(url: string): Address {
  keepSecret(url);
  const parts = split(url.trim());
  const tls = parts.protocol === 'amqps:';
  const host = parts.hostname.replace(/^\[|\]$/g, '') || 'localhost';
  const port = parts.port === '' ? (tls ? 5671 : 5672) : Number(parts.port);
  if (port < 1) throw new Failure('usage', `the URL's port must be from 1 to 65535, got ${parts.port}`);
  // Not the URL's own pathname: there a vhost named . or .. would be a step in a path.
  const path = /^[^:]+:\/\/[^/?#]*([^?#]*)/.exec(url)?.[1] ?? '';
  const anonymous = parts.username === '' && parts.password === '';
  const username = anonymous ? 'guest' : decode('user name', parts.username);
  const vhost = path === '' || path === '/' ? '/' : decode('vhost', path.slice(1));
  if (Buffer.byteLength(vhost) > 255) throw new Failure('usage', 'the vhost in the URL must have at most 255 bytes');
  const query = readQuery(parts.searchParams);
  return {
    tls,
    host,
    port,
    username,
    password: anonymous ? 'guest' : decode('password', parts.password),
    vhost,
    ...query,
    text: `${parts.protocol}//${anonymous ? '' : `${parts.username}@`}${host.includes(':') ? `[${host}]` : host}:${port}/${vhost === '/' ? '' : encodeURIComponent(vhost)}`,
  };
}

function split(url: string): URL {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(url)?.[1]?.toLowerCase();
  if (scheme !== 'amqp' && scheme !== 'amqps') {
    const got = scheme === undefined ? 'a text without either' : `${scheme}://`;
    throw new Failure('usage', `the URL must begin with amqp:// or amqps://, got ${got}`, { hint: 'such as amqp://user:password@host:5672/vhost' });
  }
  const wrong = ambiguityOf(url);
  if (wrong !== undefined) throw new Failure('usage', `the URL ${wrong}`, { hint: ENCODE_HINT });
  try {
    return new URL(url);
  } catch {
    throw new Failure('usage', 'the URL cannot be read: its host or port makes no sense', { hint: ENCODE_HINT });
  }
}

function decode(what: string, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Failure('usage', `the ${what} in the URL is not percent-encoded UTF-8`, { hint: ENCODE_HINT });
  }
}

type Query = Omit<Address, 'tls' | 'host' | 'port' | 'username' | 'password' | 'vhost' | 'text'>;

function readQuery(query: URLSearchParams): Query {
  const known = new Set([
    'heartbeat',
    'connection_timeout',
    'channel_max',
    'auth_mechanism',
    'cacertfile',
    'certfile',
    'keyfile',
    'password',
    'verify',
    'server_name_indication',
  ]);
  const mechanisms = query.getAll('auth_mechanism').map((mechanism) => mechanism.toLowerCase());
  const wrong = mechanisms.find((mechanism) => mechanism !== 'plain' && mechanism !== 'external');
  if (wrong !== undefined) throw new Failure('usage', `auth_mechanism in the URL must be plain or external, got ${wrong}`);
  const verify = query.get('verify');
  if (verify !== null && verify !== 'verify_peer' && verify !== 'verify_none') {
    throw new Failure('usage', `verify in the URL must be verify_peer or verify_none, got ${verify}`);
  }
  const heartbeat = number(query, 'heartbeat', 65_535);
  return {
    mechanism: mechanisms.includes('external') ? 'external' : 'plain',
    heartbeat: heartbeat === undefined ? undefined : heartbeat * 1_000,
    connectTimeout: number(query, 'connection_timeout', 2_147_483_647),
    channelMax: number(query, 'channel_max', 65_535),
    cacert: query.get('cacertfile') ?? undefined,
    cert: query.get('certfile') ?? undefined,
    key: query.get('keyfile') ?? undefined,
    passphrase: query.get('password') ?? undefined,
    servername: query.get('server_name_indication') ?? undefined,
    insecure: verify === null ? undefined : verify === 'verify_none',
    ignored: [...new Set(query.keys())].filter((key) => !known.has(key)),
  };
}

function number(query: URLSearchParams, key: string, most: number): number | undefined {
  const text = query.get(key);
  if (text === null) return undefined;
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= most)) throw new Failure('usage', `${key} in the URL must be a whole number up to ${most}, got ${text}`);
  return value;
}
