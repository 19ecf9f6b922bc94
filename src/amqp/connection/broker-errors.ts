import { brokenRule, Failure, type FailureKind } from '../../model/failure.ts';
import type { Message } from '../../model/message/message.ts';
import { option } from '../../model/option.ts';
import { formatSize } from '../../model/quantity.ts';

/** The AMQP reply code that amqplib put on an error, where the broker gave one. */
export function replyCode(error: unknown): number | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : undefined;
}

/** The code that Node or OpenSSL put on an error, such as `ECONNREFUSED`. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** The broker's own words, out of amqplib's `Operation failed: QueueDeclare; 404 (NOT-FOUND) with message "…"`. */
export function brokerText(message: string): string {
  const text = /with message "(.*)"$/s.exec(message)?.[1] ?? message;
  return text.replace(/^[A-Z_]+ - /, '');
}

const CHANNEL_KINDS: Readonly<Record<number, FailureKind>> = {
  311: 'refused',
  312: 'unroutable',
  313: 'unavailable',
  320: 'unavailable',
  402: 'denied',
  403: 'denied',
  404: 'missing',
  405: 'refused',
  406: 'refused',
  501: 'unavailable',
  502: 'unavailable',
  503: 'refused',
  504: 'unavailable',
  505: 'unavailable',
  506: 'refused',
  530: 'refused',
  540: 'refused',
  541: 'unavailable',
};

/** How amqplib quotes the broker. */
const BROKERS_WORDS = /^\d+ \(|: \d+ \(|; \d+ \(|with message "/;

/** The broker answers 404 also for a queue that exists and whose node is down. */
const NODE_DOWN = /is down or inaccessible|stopped by supervisor/;

/** The broker could not read what was sent: frames, syntax, channels or tags that were never sent. */
const UNREADABLE: ReadonlySet<number> = new Set([501, 502, 504, 505]);
const UNREADABLE_WORDS = /^unknown delivery tag/;

const HINTS: readonly (readonly [pattern: RegExp, hint: string])[] = [
  [NODE_DOWN, 'the queue is there, and comes back with its node'],
  [/^no queue /, 'rmq queue declare creates one'],
  [/^no exchange /, 'check the name; publish and consume declare nothing'],
  [/reserved prefix|deletion of system exchange/, 'names that begin with "amq." are the broker\'s own'],
  [/exclusive use|exclusive access|exclusive/, 'another connection holds that queue for itself'],
  [/larger than configured max size|max_message_size/, 'the broker limits messages by max_message_size'],
  [
    /timed out waiting for a consumer ack|consumer_timeout|delivery acknowledgement/,
    'the broker limits how long a message may stay unacknowledged (consumer_timeout)',
  ],
];

/** A failure out of an error of a channel, or of a connection that was open. */
export function channelFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  const code = replyCode(error);
  const message = error instanceof Error ? error.message : String(error);
  // amqplib sets a code of its own when it cannot decode what it received.
  if (code !== undefined && !BROKERS_WORDS.test(message)) return brokenRule(message);
  if (code !== undefined) {
    const text = brokerText(message);
    const missing = code === 403 ? missingPermission(text, error) : undefined;
    const unreadable = UNREADABLE.has(code) || UNREADABLE_WORDS.test(text);
    const hint =
      missing?.hint ?? (unreadable ? 'is a proxy in between, which changes what is sent?' : undefined) ?? HINTS.find(([pattern]) => pattern.test(text))?.[1];
    const away = NODE_DOWN.test(text);
    const kind = away || unreadable ? 'unavailable' : (CHANNEL_KINDS[code] ?? 'refused');
    return new Failure(kind, `the broker says: ${text} (${code})${missing === undefined ? '' : `: ${missing.text}`}`, {
      code,
      // Its message says the same once more.
      ...(!/with message "/.test(message) && { cause: error }),
      transient: away || unreadable || code === 320 || code === 541,
      ...(hint !== undefined && { hint }),
    });
  }
  return lossFailure(error);
}

/** What amqplib's and Node's short words for a lost connection mean. */
const LOSSES: readonly (readonly [pattern: RegExp, meaning: string])[] = [
  [/^Unexpected close$/, 'the other side closed it without giving a reason'],
  [/^Heartbeat timeout$/, 'nothing was heard from the broker for two heartbeat intervals'],
  [/ECONNRESET|EPIPE/, 'it was reset'],
  [/ETIMEDOUT/, 'the network stopped carrying it'],
];

/** What amqplib says when bytes cannot be decoded. */
const UNDECODABLE =
  /^(Invalid frame|Unknown frame|Frame size|Frame on unknown|Unexpected frame|Unexpected type tag|Maximum call stack|The value of|Attempt to access|Expected )/;

function lossFailure(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof RangeError || UNDECODABLE.test(message)) return brokenRule(decoding(message));
  const meaning = LOSSES.find(([pattern]) => pattern.test(message))?.[1] ?? message;
  return new Failure('unavailable', `the connection was lost: ${meaning}`, { transient: true });
}

/** Why bytes could not be decoded, in words other than JavaScript's. */
function decoding(message: string): string {
  return /^(Maximum call stack|The value of|Attempt to access)/.test(message) ? 'it sent a frame that cannot be decoded' : message;
}

/** A rule of the broker that some messages break; the broker closes the channel over it. */
export interface Refusal {
  readonly concerns: (message: Message) => boolean;
  /** True when the rule is about the exchange: no message to it will ever arrive. */
  readonly ofExchange: boolean;
  readonly failure: (message: Message | undefined) => Failure;
}

const INTERNAL_ERROR = 541;
const MAX_INTERNAL_ERRORS = 3;

/** Tells whether the next connection would end in the same way: an internal error that repeats is about a message, not about the broker. */
export function poisonTest(): (failure: Failure) => boolean {
  let internalErrors = 0;
  return ({ code }) => code === INTERNAL_ERROR && ++internalErrors > MAX_INTERNAL_ERRORS;
}

/** The rule that a channel was closed over, when its text tells which messages break it. */
export function refusalOf(cause: Failure): Refusal | undefined {
  const size = /message size (\d+) (?:is )?larger than (?:configured )?max size (\d+)/.exec(cause.message);
  if (size !== null) return sizeRefusal(Number(size[2]), cause);
  const user = /user_id property set to '(.*?)' but authenticated user was/.exec(cause.message);
  if (user !== null) return userRefusal(user[1] ?? '', cause);
  const exchange = /(?:no|access to) exchange '(.*?)' in vhost/.exec(cause.message);
  // amq.default is the broker's name for the default exchange in this text only.
  const name = exchange?.[1] === 'amq.default' ? '' : exchange?.[1];
  if (name !== undefined) return { concerns: (message) => message.exchange === name, ofExchange: true, failure: () => cause };
  return undefined;
}

function sizeRefusal(most: number, cause: Failure): Refusal {
  return {
    ofExchange: false,
    concerns: ({ body }) => body.length > most,
    failure: (message) =>
      new Failure(
        'refused',
        `the body${message === undefined ? '' : ` has ${formatSize(message.body.length)} and`} is larger than the broker's limit of ${formatSize(most)}`,
        {
          cause,
          hint: "the limit is max_message_size in the broker's configuration",
        },
      ),
  };
}

function userRefusal(user: string, cause: Failure): Refusal {
  return {
    ofExchange: false,
    concerns: ({ properties }) => properties.userId === user,
    failure: () =>
      new Failure('refused', `the broker does not take messages with the user id "${user}" on this login`, {
        cause,
        hint: `leave out ${option('userId')}, or log in as that user`,
      }),
  };
}

/** What a user lacks, and how an administrator gives it. */
export interface MissingPermission {
  readonly text: string;
  readonly hint: string;
}

type Right = 'configure' | 'write' | 'read';

/** The right that a method needs on a queue and on an exchange, by its class and its number (https://www.rabbitmq.com/docs/access-control#authorisation). */
const RIGHTS: Readonly<Record<string, { readonly queue?: Right; readonly exchange?: Right }>> = {
  // exchange: declare, delete
  '40.10': { exchange: 'configure' },
  '40.20': { exchange: 'configure' },
  // queue: declare, bind, unbind, purge, delete. One with a dead-letter exchange may only be declared by a user who may publish to that.
  '50.10': { queue: 'configure', exchange: 'write' },
  '50.20': { queue: 'write', exchange: 'read' },
  '50.50': { queue: 'write', exchange: 'read' },
  '50.30': { queue: 'read' },
  '50.40': { queue: 'configure' },
  // basic: consume, get, publish
  '60.20': { queue: 'read' },
  '60.70': { queue: 'read' },
  '60.40': { exchange: 'write' },
};

/** Which permission a user lacks, out of the broker's words and the method that it refused; undefined when it refused for another reason. Only RabbitMQ 4 names the right itself. */
function missingPermission(words: string, error: unknown): MissingPermission | undefined {
  const match = /^(?:(configure|write|read) )?access to (queue|exchange|topic) '(.*?)' (?:in exchange '.*?' )?in vhost '(.*?)' refused for user '(.*?)'/.exec(
    words,
  );
  if (match === null) return undefined;
  const [, told, kind = '', name = '', vhost = '', user = ''] = match;
  const { classId, methodId } = (error ?? {}) as { readonly classId?: unknown; readonly methodId?: unknown };
  const right = told ?? (kind === 'topic' ? 'write' : RIGHTS[`${String(classId)}.${String(methodId)}`]?.[kind as 'queue' | 'exchange']);
  if (right === undefined) return undefined;
  const patterns = ['configure', 'write', 'read'].map((one) => (one === right ? `…|${name}` : '…')).map((pattern) => `'${pattern}'`);
  return {
    text: `it lacks the ${right} permission on the ${kind} "${name}"`,
    hint: `an administrator gives it: rabbitmqctl set_permissions -p '${vhost}' '${user}' ${patterns.join(' ')} (configure, write, read: regular expressions, all three are replaced)`,
  };
}
