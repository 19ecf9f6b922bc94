import type { Session as Links } from '../amqp/connection/session.ts';
import type { Emit, Event, Role } from '../model/event.ts';
import type { Failure } from '../model/failure.ts';

/** How a connection is now. */
export interface ConnectionStatus {
  /** What it is for: `publisher`, `consumer`, `rpc` for a client's, `control` for declarations and questions. */
  readonly role: Role;
  /** The queue that it is about; undefined where there is none, as for a publisher. */
  readonly queue: string | undefined;
  /**
   * - `connecting`: it was not there yet
   * - `connected`: it is there; of a consumer, it gets messages
   * - `reconnecting`: it was lost, or cannot be made, and is tried again
   * - `lost`: it was given up; nothing happens here until the program does something
   */
  readonly state: 'connecting' | 'connected' | 'reconnecting' | 'lost';
  /** True while a memory or disk alarm of the broker keeps it from reading; told after a second. */
  readonly blocked: boolean;
  /** Attempts to connect again, in a row; 0 while it is connected. */
  readonly attempt: number;
  /** Why it is not connected, as far as that is known. */
  readonly failure: Failure | undefined;
}

/** A connection that comes back, as its events tell of it. */
class Line {
  readonly role: Role;
  /** True once it is closed, and no part of the session any more. */
  closed: () => boolean = () => false;
  #state: ConnectionStatus['state'] = 'connecting';
  #blocked = false;
  #attempt = 0;
  #failure: Failure | undefined;

  constructor(role: Role) {
    this.role = role;
  }

  hear(event: Event): void {
    switch (event.kind) {
      case 'connected':
        [this.#state, this.#blocked, this.#attempt, this.#failure] = ['connected', false, 0, undefined];
        break;
      case 'disconnected':
        [this.#state, this.#blocked, this.#failure] = ['reconnecting', false, event.failure];
        break;
      case 'reconnecting':
        [this.#state, this.#blocked, this.#attempt, this.#failure] = ['reconnecting', false, event.attempt, event.failure];
        break;
      case 'blocked':
        this.#blocked = true;
        break;
      case 'unblocked':
        this.#blocked = false;
        break;
    }
  }

  status(queue: string | undefined, subscribed: boolean): ConnectionStatus {
    const waits = this.#state === 'connected' && this.role === 'consumer' && !subscribed;
    return {
      role: this.role,
      queue,
      state: waits ? 'connecting' : this.#state,
      blocked: this.#blocked,
      attempt: this.#attempt,
      failure: this.#failure,
    };
  }
}

/** The connections of one thing that a program does, such as a worker. */
export class Scope {
  /** Tells of what goes on in it. */
  readonly links: Links;
  readonly end: () => void;
  readonly #queue: string | undefined;
  readonly #lines = new Set<Line>();
  #subscribed = false;
  #lost: { readonly role: Role; readonly failure: Failure } | undefined;

  constructor(links: Links, queue: string | undefined, end: () => void) {
    const emit: Emit = (event) => {
      if (event.kind === 'subscribed') this.#subscribed = true;
      if (event.kind === 'lost') this.#lost = event;
      links.emit({ queue, ...event } as Event);
    };
    this.#queue = queue;
    this.end = end;
    this.links = { ...links, emit, open: (role, endless = true) => this.#open(links, emit, role, endless) };
  }

  status(): ConnectionStatus[] {
    for (const line of this.#lines) if (line.closed()) this.#lines.delete(line);
    const lines = [...this.#lines].map((line) => line.status(this.#queue, this.#subscribed));
    if (this.#lost === undefined) return lines;
    const { role, failure } = this.#lost;
    return [...lines, { role, queue: this.#queue, state: 'lost', blocked: false, attempt: 0, failure }];
  }

  #open(links: Links, emit: Emit, role: Role, endless: boolean): ReturnType<Links['open']> {
    const line = new Line(role);
    const link = links.open(role, endless, (event) => {
      line.hear(event);
      // A consumer of a new connection gets nothing before it has subscribed there.
      if (role === 'consumer' && (event.kind === 'connecting' || event.kind === 'disconnected')) this.#subscribed = false;
      // What was given up has come back.
      if (event.kind === 'connected' && role === this.#lost?.role) this.#lost = undefined;
      emit(event);
    });
    line.closed = () => link.closed;
    this.#lines.add(line);
    return link;
  }
}

/** Everything that a session has under way. */
export class Lines {
  readonly #scopes = new Set<Scope>();

  scope(links: Links, queue: string | undefined): Scope {
    const scope: Scope = new Scope(links, queue, () => this.#scopes.delete(scope));
    this.#scopes.add(scope);
    return scope;
  }

  status(): ConnectionStatus[] {
    return [...this.#scopes].flatMap((scope) => scope.status());
  }
}
