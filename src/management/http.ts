import { abortFailure, Failure } from '../model/failure.ts';
import { option } from '../model/option.ts';
import { formatDuration } from '../model/quantity.ts';
import { ambiguityOf } from '../model/secrets.ts';
import type { HttpRequest, HttpResponse, ManagementTls } from './http-exchange.ts';

/** The address of a management API, and the user. */
export interface ManagementConfig {
  /** Such as `http://localhost:15672`; a user and password in it win over those of the broker's URL. */
  readonly url: string;
  readonly username: string;
  /** A function where it has to be asked for, with each request. */
  readonly password: string | ((signal: AbortSignal) => Promise<string>);
  readonly vhost: string;
  /** Milliseconds for one answer. */
  readonly timeout: number;
  /** Milliseconds for a list of everything, which costs a busy broker some for each queue; `timeout` unless given. */
  readonly listTimeout?: number;
  readonly signal: AbortSignal;
  /** TLS options for an https URL; read when needed, so that other runs need no certificates. */
  readonly tls?: ((host: string) => Promise<ManagementTls>) | undefined;
}

/** A request to the API; undefined for an answer without content. `timeout` is in milliseconds. */
export type Ask = (method: 'GET' | 'PUT' | 'DELETE', path: string, body?: object, timeout?: number) => Promise<unknown>;

/** The root of the API, and the user in its URL. */
interface Place {
  readonly root: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
}

const portHint = (): string => `the management plugin usually listens on port 15672; ${option('managementUrl')} names another place`;

/**
 * Opens access to the API. It asks nothing yet.
 *
 * @throws Failure `usage` for a URL that cannot be read; no message holds a password
 */
export function openRequests(config: ManagementConfig): { readonly root: string; readonly ask: Ask } {
  const { root, ...own } = placeOf(config.url);
  const username = own.username ?? config.username;
  const password = own.username === undefined ? config.password : (own.password ?? '');
  let others = new AbortController();
  /** An API that leaves one question unanswered answers none of those that are asked beside it: they end too. */
  const giveUp = (why: Failure): void => {
    others.abort(why);
    others = new AbortController();
  };
  const ask: Ask = async (method, path, body, timeout = config.timeout) => {
    const credentials = `${username}:${typeof password === 'string' ? password : await password(config.signal)}`;
    const authorization = `Basic ${Buffer.from(credentials).toString('base64')}`;
    const text = body === undefined ? '' : JSON.stringify(body);
    const headers = { authorization, ...(body !== undefined && { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(text)) }) };
    const patience = { timeout, others: others.signal, giveUp };
    const response = await send(`${root}/api/${path}`, root, config, { method, headers, body: text }, patience);
    if (response.status < 200 || response.status > 299) throw statusFailure(response.status, root, username, config.vhost, reasonOf(response.text));
    return response.text === '' ? undefined : parse(response.text, root);
  };
  return { root, ask };
}

function placeOf(url: string): Place {
  let parts: URL;
  const wrong = ambiguityOf(url);
  if (wrong !== undefined) throw new Failure('usage', `the management URL ${wrong}`, { hint: 'percent-encode / ? # @ : and % in names and passwords' });
  try {
    parts = new URL(url.trim());
  } catch {
    throw new Failure('usage', 'the management URL cannot be read', { hint: 'such as http://localhost:15672' });
  }
  if (parts.protocol !== 'http:' && parts.protocol !== 'https:') {
    throw new Failure('usage', `the management URL must begin with http:// or https://, got ${parts.protocol}//`, { hint: 'such as http://localhost:15672' });
  }
  const path = parts.pathname.replace(/\/+$/, '').replace(/\/api$/, '');
  return { root: `${parts.origin}${path}`, username: decoded(parts.username), password: decoded(parts.password) };
}

function decoded(text: string): string | undefined {
  try {
    return text === '' ? undefined : decodeURIComponent(text);
  } catch {
    throw new Failure('usage', 'the user or the password in the management URL is not percent-encoded UTF-8', { hint: 'a % in it is written %25' });
  }
}

/** How long an answer is waited for. */
interface Patience {
  readonly timeout: number;
  /** Aborted when a question beside this one has no answer. */
  readonly others: AbortSignal;
  readonly giveUp: (why: Failure) => void;
}

async function send(url: string, root: string, config: ManagementConfig, question: HttpRequest, { timeout, others, giveUp }: Patience): Promise<HttpResponse> {
  const { signal } = config;
  const tls = await tlsOf(url, config);
  const { exchange } = await import('./http-exchange.ts');
  const deadline = AbortSignal.timeout(timeout);
  try {
    return await exchange(url, question, tls, AbortSignal.any([signal, deadline, others]));
  } catch (error) {
    if (signal.aborted) throw abortFailure(signal);
    if (others.aborted) throw others.reason;
    if (!deadline.aborted) throw networkFailure(error, root);
    const failure = new Failure('unavailable', `the management API at ${root} did not answer within ${formatDuration(timeout)}`, {
      hint: `${option('connectTimeout', 'DURATION')} waits longer; ${portHint()}`,
    });
    giveUp(failure);
    throw failure;
  }
}

async function tlsOf(url: string, { tls }: ManagementConfig): Promise<ManagementTls | undefined> {
  const { protocol, hostname } = new URL(url);
  return protocol === 'https:' ? tls?.(hostname.replace(/^\[|\]$/g, '')) : undefined;
}

function networkFailure(error: unknown, root: string): Failure {
  const inner = error instanceof AggregateError ? error.errors[0] : error;
  const code = inner instanceof Error && 'code' in inner ? String(inner.code) : '';
  const what = `the management API at ${root} cannot be reached`;
  if (/CERT|SELF_SIGNED|UNABLE_TO|ALTNAME/.test(code)) {
    const asked = /ALTNAME/.test(code) ? 'is not for that name' : 'is not trusted';
    return new Failure('unavailable', `${what}: its certificate ${asked} (${code})`, {
      hint: `${option('cacert', 'FILE')} trusts the authority that signed it, ${option('servername', 'NAME')} expects the name in it; ${option('insecure')} accepts any certificate`,
    });
  }
  const reasons: Readonly<Record<string, string>> = {
    ECONNREFUSED: 'nothing is listening there',
    ENOTFOUND: 'the host name is not known',
    EAI_AGAIN: 'the host name is not known',
  };
  const reason = reasons[code] ?? (inner instanceof Error ? inner.message : String(inner));
  return new Failure('unavailable', `${what}: ${reason}`, {
    hint: `is the management plugin enabled (rabbitmq-plugins enable rabbitmq_management)? ${portHint()}`,
  });
}

function statusFailure(status: number, root: string, username: string, vhost: string, reason: string): Failure {
  const cause = reason === '' ? {} : { cause: new Error(`the broker says: ${reason}`) };
  switch (status) {
    case 401:
    case 403:
      // The API also answers 401 to known users without permission; only the reason tells them apart.
      if (/management user/i.test(reason)) {
        return new Failure('denied', `the user "${username}" may not use the management API at ${root}`, {
          ...cause,
          hint: `it needs a tag: rabbitmqctl set_user_tags ${username} management (policymaker, to set policies)`,
        });
      }
      if (status === 403 || /access/i.test(reason)) {
        return new Failure('denied', `the user "${username}" may not do that in the vhost "${vhost}" (management API at ${root})`, {
          ...cause,
          hint: 'it needs permissions for the vhost (rabbitmqctl set_permissions), and the tag policymaker to set policies',
        });
      }
      return new Failure('denied', `the management API at ${root} refused the user "${username}" or the password`, {
        ...cause,
        hint: `without a user in ${option('managementUrl')}, the user of the broker's URL logs in; guest may log in only from the broker's own machine`,
      });
    case 404:
      return new Failure('missing', `the management API at ${root} has no such object in the vhost "${vhost}"`, {
        ...cause,
        hint: `check the vhost of the URL (/ is written %2F), and that ${option('managementUrl')} leads to a RabbitMQ of version 3.10 or later`,
      });
    default:
      return new Failure(status >= 500 ? 'unavailable' : 'refused', `the management API at ${root} answered with ${status}`, cause);
  }
}

const ENTITIES: Readonly<Record<string, string>> = { '&lt;': '<', '&gt;': '>', '&amp;': '&' };

function reasonOf(text: string): string {
  try {
    const { reason, error } = JSON.parse(text) as { reason?: unknown; error?: unknown };
    const said = typeof reason === 'string' ? reason : typeof error === 'string' ? error : '';
    // Older brokers write it for a page of HTML.
    return /[<>]/.test(said) ? said : said.replace(/&(?:lt|gt|amp);/g, (entity) => ENTITIES[entity] ?? entity);
  } catch {
    return '';
  }
}

function parse(text: string, root: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Failure('unavailable', `the server at ${root} is not RabbitMQ's management API`, { hint: portHint() });
  }
}
