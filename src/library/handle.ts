import type { Session as Links } from '../amqp/connection/session.ts';
import { onAbort } from '../model/async.ts';
import { Failure, stopFailure } from '../model/failure.ts';
import { quote } from '../model/text.ts';
import type { Call } from './options.ts';
import { type Inside, insideOf, type Session, signalOf } from './session.ts';

/** Something that goes on until it is stopped: a worker, a consumer, a server. It begins at once. */
export interface Running<C> {
  /**
   * Resolves once it gets messages for the first time; what is published from then on reaches it. Rejects with what kept it from that: a Failure `usage`
   * or `refused` for a queue that is not as asked for, `denied` for a refused login, `interrupted` when it was stopped before.
   */
  readonly ready: Promise<void>;
  /**
   * Resolves with its counts when it has ended: it was stopped, or has done what its `count`, `idle`, `drain` or `timeout` asked for. Rejects with the
   * Failure by which it was lost, which the event `lost` and `session.status()` tell as well. Where the session has no `onEvent` and nobody has asked for
   * `done`, that is an unhandled rejection, which ends the process: it is never lost in silence.
   */
  readonly done: Promise<C>;
  /**
   * Takes nothing more, lets handlers finish within the grace and tells the others to give up (their `signal`), for which they have 10 s; what they have not
   * finished is back in its queue. Resolves like `done`. Calling it again, or when it has ended, is harmless.
   */
  stop(): Promise<C>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** What a run tells when it ends. */
const ENDINGS: ReadonlySet<string> = new Set(['worked', 'consumed', 'served']);
/** How a run may end that was stopped, without that being a failure: the broker hands out again what it has no answer for. */
const STOPPED: ReadonlySet<unknown> = new Set(['interrupted', 'terminated', 'unavailable']);

/** What stays open until the program, or its session, closes it. */
export interface Open {
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Opens what stays open. The call's signal ends only the opening; `settled` is waited for before it is closed. */
export async function opening<O extends { readonly close: () => Promise<void> }>(
  session: Session,
  { queue, call, settled }: { readonly queue: string | undefined; readonly call: Call | undefined; readonly settled?: () => Promise<unknown> },
  open: (links: Links) => Promise<O>,
): Promise<Omit<O, 'close'> & Open> {
  const inside = insideOf(session);
  const signal = signalOf(call);
  const scope = inside.lines.scope(inside.links, queue);
  const stop = new AbortController();
  const forget = onAbort(inside.links.signal, () => stop.abort(inside.links.signal.reason));
  const leave = signal && onAbort(signal, () => stop.abort(stopFailure(signal)));
  const end = (): void => {
    forget();
    disown();
    scope.end();
  };
  const close = async (): Promise<void> => {
    await settled?.();
    await opened.close();
    end();
  };
  const disown = inside.owns('publisher', close);
  let opened: O;
  try {
    opened = await open({ ...scope.links, signal: stop.signal });
  } catch (error) {
    end();
    throw error;
  } finally {
    leave?.();
  }
  return { ...opened, close, [Symbol.asyncDispose]: close };
}

/** @throws Failure `usage`: types are gone when a program runs */
export function checkHandler(handler: unknown, name = 'handler'): void {
  if (typeof handler !== 'function') throw new Failure('usage', `${name} must be a function, got ${quote(handler)}`);
}

/** Starts what goes on until it is stopped. `none` is what it comes to when that happens before it has begun. */
export function running<C>(
  session: Session,
  { queue, call, none }: { readonly queue: string | undefined; readonly call: Call | undefined; readonly none: C },
  run: (links: Links, inside: Inside) => Promise<C>,
): Running<C> {
  const inside = insideOf(session);
  const signal = signalOf(call);
  const stopping = new AbortController();
  const scope = inside.lines.scope(inside.links, queue);
  const stop = (): Promise<C> => {
    stopping.abort(new Failure('interrupted', 'it was stopped'));
    return done;
  };
  let counts = none;
  let begin: () => void = () => undefined;
  const links: Links = {
    ...scope.links,
    signal: stopping.signal,
    emit: (event) => {
      if (event.kind === 'subscribed') begin();
      if (ENDINGS.has(event.kind) && 'counts' in event) counts = event.counts as C;
      scope.links.emit(event);
    },
  };
  const disown = inside.owns('handle', stop);
  const leave = signal && onAbort(signal, stop);
  const ended = async (): Promise<C> => {
    try {
      return await run(links, inside);
    } catch (error) {
      if (stopping.signal.aborted && error instanceof Failure && STOPPED.has(error.kind)) return counts;
      if (error instanceof Failure) links.emit({ kind: 'lost', role: 'consumer', failure: error });
      throw error;
    } finally {
      leave?.();
      disown();
    }
  };
  const done = ended();
  const ready = new Promise<void>((resolve, reject) => {
    begin = resolve;
    const stopped = (): void => (stopping.signal.aborted ? reject(new Failure('interrupted', 'it was stopped before it was ready')) : resolve());
    done.then(stopped, reject);
  });
  const asked = { ready: false, done: false, begun: false };
  ready.then(
    () => {
      asked.begun = true;
    },
    () => undefined,
  );
  done.then(
    () => scope.end(),
    (error) => {
      if (!(inside.heard || asked.done || (asked.ready && !asked.begun))) throw error;
    },
  );
  return {
    get ready() {
      asked.ready = true;
      return ready;
    },
    get done() {
      asked.done = true;
      return done;
    },
    stop: () => {
      asked.done = true;
      return stop();
    },
    [Symbol.asyncDispose]: async () => {
      asked.done = true;
      await stop();
    },
  };
}
