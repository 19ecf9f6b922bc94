import type { TestContext } from 'node:test';
import { createSession, type Session } from '../../src/amqp/connection/session.ts';
import type { Event } from '../../src/model/event.ts';
import { ConnectionConfig } from '../../src/patterns/connection.ts';
import { brokerUrl } from './broker.ts';

/** A session of the test's own, and what it has told. */
export interface TestSession {
  readonly session: Session;
  readonly events: readonly Event[];
  /** Stops the run, as a signal of the process would. */
  readonly stop: (reason: unknown) => void;
  /** Resolves with the first event, past or future, that is like this. */
  readonly until: <E extends Event>(isIt: (event: Event) => event is E) => Promise<E>;
}

export function testSession(t: TestContext, url = brokerUrl(), connection: Partial<ConnectionConfig> = {}): TestSession {
  const events: Event[] = [];
  const watchers = new Set<() => void>();
  const controller = new AbortController();
  const emit = (event: Event): void => {
    events.push(event);
    for (const watch of watchers) watch();
  };
  const session = createSession(ConnectionConfig.parse({ url: [url], ...connection }), emit, controller.signal);
  t.after(() => session.close());
  return {
    session,
    events,
    stop: (reason) => controller.abort(reason),
    until: (isIt) =>
      new Promise((resolve) => {
        const watch = (): void => {
          const found = events.find(isIt);
          if (found === undefined) return;
          watchers.delete(watch);
          resolve(found);
        };
        watchers.add(watch);
        watch();
      }),
  };
}
