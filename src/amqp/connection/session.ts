import type { Emit, Role } from '../../model/event.ts';
import { Failure } from '../../model/failure.ts';
import { formatDuration } from '../../model/quantity.ts';
import { parseAddress } from './address.ts';
import { type Link, type LinkConfig, openLink } from './reconnect.ts';

/** A broker (or several to fail over between) and how to reach it. */
export interface SessionConfig extends Omit<LinkConfig, 'addresses'> {
  readonly url: readonly string[];
}

/** What patterns work on: nothing is connected before a publisher or a consumer asks for it. */
export interface Session {
  /** A connection of its own for a role; publishing and consuming never share one. It comes back for ever when it is `endless`. */
  readonly open: (role: Role, endless?: boolean) => Link;
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
export function createSession(config: SessionConfig, emit: Emit = () => undefined, signal: AbortSignal = new AbortController().signal): Session {
  const addresses = config.url.map(parseAddress);
  for (const name of new Set(addresses.flatMap(({ ignored }) => ignored))) emit({ kind: 'note', text: `the URL's parameter "${name}" means nothing here` });
  const { cacert, cert, key, servername, insecure } = config;
  if (addresses.every(({ tls }) => !tls) && (cacert ?? cert ?? key ?? servername ?? (insecure || undefined)) !== undefined) {
    emit({ kind: 'note', text: 'the TLS flags mean nothing here: every URL is amqp://, none amqps://' });
  }
  const links = new Set<Link>();
  const reached = { any: false };
  return {
    emit,
    signal,
    open: (role, endless) => {
      const link = openLink(role, { ...config, addresses }, emit, endless, reached);
      for (const one of links) if (one.closed) links.delete(one);
      links.add(link);
      return link;
    },
    close: async () => {
      await Promise.all([...links].map((link) => link.close()));
    },
  };
}

/** The session for a run that has no end of its own: its connections come back for ever, unless the config says how often. */
export function endless(session: Session): Session {
  return { ...session, open: (role) => session.open(role, true) };
}

/** The session of a run with a deadline: `pass` is called when it passes, and what still waits for the broker then ends soon. */
export function withDeadline(session: Session, milliseconds: number | undefined, pass: () => void): { readonly session: Session; readonly clear: () => void } {
  if (milliseconds === undefined) return { session, clear: () => undefined };
  const late = new AbortController();
  const timer = setTimeout(() => {
    pass();
    late.abort(new Failure('deadline', `the deadline of ${formatDuration(milliseconds)} passed while the broker did not answer`));
  }, milliseconds);
  return { session: { ...session, signal: AbortSignal.any([session.signal, late.signal]) }, clear: () => clearTimeout(timer) };
}
