import type { Emit, Role } from '../model/event.ts';
import { parseAddress } from './address.ts';
import { type Link, type LinkConfig, openLink } from './link.ts';

/** A broker (or several to fail over between) and how to reach it. */
export interface SessionConfig extends Omit<LinkConfig, 'addresses'> {
  readonly url: readonly string[];
}

/** What patterns work on: nothing is connected before a publisher or a consumer asks for it. */
export interface Session {
  /** A connection of its own for a role; publishing and consuming never share one. */
  readonly open: (role: Role) => Link;
  readonly emit: Emit;
  /** Aborted when the run is to stop. */
  readonly signal: AbortSignal;
  readonly close: () => Promise<void>;
}

/**
 * Opens a session. Its URLs are checked here; the network is touched later.
 *
 * @throws Failure `usage` for a URL that cannot be read
 */
export function openSession(config: SessionConfig, emit: Emit = () => undefined, signal: AbortSignal = new AbortController().signal): Session {
  const addresses = config.url.map(parseAddress);
  for (const name of new Set(addresses.flatMap(({ ignored }) => ignored))) emit({ kind: 'note', text: `the URL's parameter "${name}" means nothing here` });
  const { cacert, cert, key, servername, insecure } = config;
  if (addresses.every(({ tls }) => !tls) && (cacert ?? cert ?? key ?? servername ?? (insecure || undefined)) !== undefined) {
    emit({ kind: 'note', text: 'the TLS flags mean nothing here: every URL is amqp://, none amqps://' });
  }
  const links: Link[] = [];
  return {
    emit,
    signal,
    open: (role) => {
      const link = openLink(role, { ...config, addresses }, emit);
      links.push(link);
      return link;
    },
    close: async () => {
      await Promise.all(links.map((link) => link.close()));
    },
  };
}

/** Opens a session, hands it to `use`, and closes it however `use` ends. */
export async function withSession<T>(config: SessionConfig, use: (session: Session) => Promise<T>, emit?: Emit, signal?: AbortSignal): Promise<T> {
  const session = openSession(config, emit, signal);
  try {
    return await use(session);
  } finally {
    await session.close();
  }
}
