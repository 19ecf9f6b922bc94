import { Failure } from '../../model/failure.ts';
import { formatDuration } from '../../model/quantity.ts';

/** Connections in a row without any confirm after which it gives up. */
const MAX_SILENT = 3;
const CHECK = 500;

interface Consequences {
  /** True while a confirm is due. */
  readonly due: () => boolean;
  /** True while an alarm keeps the broker from confirming: that time does not count. Alarms that come and go do not add time. */
  readonly blocked: () => boolean;
  /** See `backlog`. */
  readonly backlog: () => number;
  /** False when reconnecting is off. */
  readonly comesBack: boolean;
  /** Called to replace the connection. */
  readonly again: (what: string) => void;
  readonly fail: (failure: Failure) => void;
}

/** Watches for a broker that takes messages and confirms none, as a quorum queue without a majority does for ever. */
export class ConfirmWatchdog {
  readonly #limit: number;
  readonly #consequences: Consequences;
  #since = 0;
  #checked = 0;
  #silent = 0;
  #backlog = 0;
  #timer: NodeJS.Timeout | undefined;

  /** The limit is in milliseconds. */
  constructor(limit: number, consequences: Consequences) {
    this.#limit = limit;
    this.#consequences = consequences;
  }

  watch(): void {
    this.#checked = performance.now();
    this.#timer = setInterval(() => this.#check(), CHECK);
  }

  end(): void {
    clearInterval(this.#timer);
  }

  /** A new channel gets the full time. */
  restart(): void {
    this.#since = performance.now();
  }

  /** The broker has answered. */
  broken(): void {
    this.#since = performance.now();
    this.#silent = 0;
  }

  #check(): void {
    const { due, blocked, backlog, comesBack, again, fail } = this.#consequences;
    const now = performance.now();
    if (blocked()) this.#since += now - Math.max(this.#checked, this.#since);
    this.#checked = now;
    const before = this.#backlog;
    this.#backlog = backlog();
    // A large message on a slow network is still on its way.
    if (!due() || this.#backlog < before) this.#since = now;
    if (now - this.#since < this.#limit) return;
    this.#since = now;
    this.#silent++;
    const what = `the broker has confirmed nothing for ${formatDuration(this.#limit)}`;
    if (comesBack && this.#silent < MAX_SILENT) again(what);
    else {
      const often = comesBack ? `, ${MAX_SILENT} times in a row` : ', and reconnecting is off';
      fail(new Failure('later', `${what}${often}`, { hint: 'a quorum queue without a majority of its nodes does this' }));
    }
  }
}
