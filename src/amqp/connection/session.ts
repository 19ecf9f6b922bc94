import type { Emit, Role } from '../../model/event.ts';
import { Failure } from '../../model/failure.ts';
import { formatDuration } from '../../model/quantity.ts';
import { parseAddress } from './address.ts';
import { type Link, type LinkConfig, openLink } from './reconnect.ts';

/** How to reach a broker, or several to fail over between. */
export interface SessionConfig extends Omit<LinkConfig, 'addresses'> {
  readonly url: readonly string[];
}

/** What patterns work on. It connects when a publisher or a consumer asks for a connection. */
export interface Session {
  /**
   * Opens a connection for a role; publishing and consuming never share one. An `endless` one never gives up. Its events go to `listen`, or where the
   * session's go.
   */
  readonly open: (role: Role, endless?: boolean, listen?: Emit) => Link;
  readonly emit: Emit;
  /** Aborted when the run is to stop. */
  readonly signal: AbortSignal;
  readonly close: () => Promise<void>;
}

/**
 * Opens a session. Its URLs are checked now; it connects later.
 *
 * @throws Failure `usage` for a URL that cannot be read
 */
export function createSession(config: SessionConfig, emit: Emit = () => undefined, signal: AbortSignal = new AbortController().signal): Session {
  const addresses = config.url.map(parseAddress);
  for (const name of new Set(addresses.flatMap(({ ignored }) => ignored)))
    emit({ kind: 'note', text: `the URL's parameter "${name}" is not supported and has no effect` });
  const { cacert, cert, key, servername, insecure } = config;
  if (addresses.every(({ tls }) => !tls) && (cacert ?? cert ?? key ?? servername ?? (insecure || undefined)) !== undefined) {
    emit({ kind: 'note', text: 'the TLS options have no effect: no URL begins with amqps://' });
  }
  const links = new Set<Link>();
  const reached = { any: false };
  return {
    emit,
    signal,
    open: (role, endless, listen = emit) => {
      const link = openLink(role, { ...config, addresses }, listen, endless, reached);
      for (const one of links) if (one.closed) links.delete(one);
      links.add(link);
      return link;
    },
    close: async () => {
      await Promise.all([...links].map((link) => link.close()));
    },
  };
}

/** The session of a run without an end of its own: its connections never give up, unless the config says so. */
export function endless(session: Session): Session {
  return { ...session, open: (role) => session.open(role, true) };
}

/** The session of a run with a deadline. When it passes, `pass` is called, and waits for the broker end soon. */
export function withDeadline(session: Session, milliseconds: number | undefined, pass: () => void): { readonly session: Session; readonly clear: () => void } {
  if (milliseconds === undefined) return { session, clear: () => undefined };
  const late = new AbortController();
  const timer = setTimeout(() => {
    pass();
    late.abort(new Failure('deadline', `the deadline of ${formatDuration(milliseconds)} passed while the broker did not answer`));
  }, milliseconds);
  return { session: { ...session, signal: AbortSignal.any([session.signal, late.signal]) }, clear: () => clearTimeout(timer) };
}
