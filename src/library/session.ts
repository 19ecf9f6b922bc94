import { setMaxListeners } from 'node:events';
import * as z from 'zod/mini';
import { createSession, type Session as Links } from '../amqp/connection/session.ts';
import type { AskManagement } from '../amqp/consumer/return-rules.ts';
import { onAbort } from '../model/async.ts';
import type { Event } from '../model/event.ts';
import { Failure, stopFailure } from '../model/failure.ts';
import { urlsIn } from '../model/secrets.ts';
import { quote } from '../model/text.ts';
import { ConnectionConfig, type connectionShape } from '../patterns/connection.ts';
import { askManagement, type FindManagementApi, type ManagementPlace, managementFinder } from '../patterns/management.ts';
import { checkedOptions } from '../patterns/options.ts';
import type { Call, Input } from './options.ts';
import { type ConnectionStatus, Lines } from './status.ts';

/** What a session tells on its way; `queue` is the one that it is about, where it is about one. */
export type SessionEvent = Event & { readonly queue?: string | undefined };

/** What `openSession` takes. Durations are milliseconds. */
export interface SessionOptions extends Input<Omit<typeof connectionShape, 'url'>> {
  /** `amqp://` or `amqps://` URLs, with commas between them or as an array; with several, each is tried in turn. */
  readonly url: string | readonly string[];
  /** The management API, such as `http://localhost:15672`; where it usually is beside the first URL unless told otherwise. Nothing is asked before it is needed. */
  readonly managementUrl?: string | undefined;
  /** Hears what happens: connections, subscriptions, messages that failed. What it throws ends the process, as in any listener. */
  readonly onEvent?: ((event: SessionEvent) => void) | undefined;
  /** Closes the session when it is aborted; see {@link Session.close}. */
  readonly signal?: AbortSignal | undefined;
}

/** A broker, and everything that a program does with it. Nothing is connected before something asks for it. */
export interface Session {
  /** Every connection that is there or ought to be, as it is now. No answer is waited for: fit for a health check. */
  status(): ConnectionStatus[];
  /**
   * Stops what still runs: workers and their kind drain within their `grace`, publishers wait 5 s for confirms, everything else ends with `interrupted`. Then the
   * connections are closed, and nothing of the session keeps the process alive. A second call waits for the first.
   */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Something that a session closes when it ends. */
type Close = () => Promise<unknown>;

/** What a session has for those who work on it. */
export class Inside {
  readonly config: ConnectionConfig;
  readonly place: ManagementPlace;
  readonly links: Links;
  readonly lines = new Lines();
  /** True when the program listens to events. */
  readonly heard: boolean;
  readonly #ended = new AbortController();
  /** Those that drain, and those that what drains may still need. */
  readonly #handles = new Set<Close>();
  readonly #publishers = new Set<Close>();
  #closing: Promise<void> | undefined;

  constructor(config: ConnectionConfig, place: ManagementPlace, onEvent: ((event: SessionEvent) => void) | undefined) {
    this.config = config;
    this.place = place;
    this.heard = onEvent !== undefined;
    setMaxListeners(0, this.#ended.signal);
    this.links = createSession(config, onEvent === undefined ? undefined : onEvent, this.#ended.signal);
  }

  /** Asked for the policies of queues. */
  ask(links: Links): AskManagement {
    return askManagement(this.config, this.place, links.emit, links.signal);
  }

  /** Finds the management API when it is first needed. */
  api(links: Links): FindManagementApi {
    return managementFinder(this.config, this.place, links.emit, links.signal);
  }

  /** Has something closed with the session, until it has ended by itself. */
  owns(kind: 'handle' | 'publisher', close: Close): () => void {
    if (this.#closing !== undefined) throw new Failure('unavailable', 'the session is closed');
    const owned = kind === 'handle' ? this.#handles : this.#publishers;
    owned.add(close);
    return () => owned.delete(close);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await Promise.allSettled([...this.#handles].map((close) => close()));
    await Promise.allSettled([...this.#publishers].map((close) => close()));
    this.#ended.abort(new Failure('interrupted', 'the session was closed'));
    await this.links.close();
  }
}

const INSIDES = new WeakMap<object, Inside>();

/** @throws Failure `usage` for anything but a session */
export function insideOf(session: Session): Inside {
  const inside = typeof session === 'object' && session !== null ? INSIDES.get(session) : undefined;
  if (inside === undefined) throw new Failure('usage', `a session is needed, got ${quote(session)}`, { hint: 'openSession gives one' });
  return inside;
}

const Signal = z.optional(z.custom<AbortSignal>((given) => given instanceof AbortSignal, { error: 'signal must be an AbortSignal' }));
const CallOptions = z.strictObject({ signal: Signal });

/** @throws Failure `usage` for what is no signal */
export function signalOf(call: Call | undefined): AbortSignal | undefined {
  return checkedOptions(CallOptions, call ?? {}).signal;
}

/** What is no option of a connection. */
const Extras = z.object({
  managementUrl: z.optional(z.string()),
  onEvent: z.optional(z.custom<(event: SessionEvent) => void>((given) => typeof given === 'function', { error: 'onEvent must be a function' })),
  signal: Signal,
});

/**
 * Opens a session; the network is touched later, by what is done with it. A lost connection comes back, and one that cannot be made yet is tried again,
 * for ever unless `maxReconnects`, `connectAttempts` or `wait` says otherwise. A refused login is told at once.
 *
 * @throws Failure `usage` for wrong options, or a URL that cannot be read
 */
export function openSession(options: SessionOptions): Session {
  const { managementUrl, onEvent, signal } = checkedOptions(Extras, options);
  const { managementUrl: _, onEvent: __, signal: ___, url, ...rest } = options;
  const config = checkedOptions(ConnectionConfig, { ...rest, url: typeof url === 'string' ? urlsIn(url) : url });
  const { wait, maxReconnects, reconnect, connectAttempts = patient(reconnect && (wait ?? maxReconnects) === undefined) } = config;
  const inside = new Inside({ ...config, connectAttempts }, { url: managementUrl, asked: managementUrl !== undefined }, onEvent);
  const close = (): Promise<void> => {
    signal?.removeEventListener('abort', close);
    return inside.close();
  };
  const session: Session = { status: () => inside.lines.status(), close, [Symbol.asyncDispose]: close };
  INSIDES.set(session, inside);
  signal?.addEventListener('abort', close, { once: true });
  if (signal?.aborted === true) void close();
  return session;
}

function patient(isPatient: boolean): number | undefined {
  return isPatient ? Number.POSITIVE_INFINITY : undefined;
}

/** Does something that has an end of its own: within the call's signal, and that of the session. */
export async function within<T>(
  session: Session,
  queue: string | undefined,
  call: Call | undefined,
  run: (links: Links, inside: Inside) => Promise<T>,
): Promise<T> {
  const inside = insideOf(session);
  const scope = inside.lines.scope(inside.links, queue);
  const signal = signalOf(call);
  const stop = new AbortController();
  const leave = [inside.links.signal, ...(signal === undefined ? [] : [signal])].map((end) => onAbort(end, () => stop.abort(stopFailure(end))));
  try {
    return await run({ ...scope.links, signal: stop.signal }, inside);
  } finally {
    for (const one of leave) one();
    scope.end();
  }
}
