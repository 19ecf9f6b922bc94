import { Failure, type FailureKind } from '../model/failure.ts';
import { missingPermission } from './permission.ts';

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

/** How amqplib hands on what the broker says. */
const BROKERS_WORDS = /^\d+ \(|: \d+ \(|; \d+ \(|with message "/;

/** How the broker says, with the code of what does not exist, that a queue is there and its node is not. */
const NODE_DOWN = /is down or inaccessible|stopped by supervisor/;

/** The broker could not read what was sent, or reads something else: frames, syntax, channels and tags that were never sent. */
const UNREADABLE: ReadonlySet<number> = new Set([501, 502, 504, 505]);
const UNREADABLE_WORDS = /^unknown delivery tag/;

const HINTS: readonly (readonly [pattern: RegExp, hint: string])[] = [
  [NODE_DOWN, 'the queue is there, and comes back with its node'],
  [/^no queue /, 'rmq queue declare creates one'],
  [/^no exchange /, 'check the name; publish and consume declare nothing'],
  [/reserved prefix/, 'names that begin with "amq." are the broker\'s own: take another one'],
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
  // With a code that amqplib chose itself: what came could not be understood.
  if (code !== undefined && !BROKERS_WORDS.test(message)) return brokenRule(message);
  if (code !== undefined) {
    const text = brokerText(message);
    const missing = code === 403 ? missingPermission(text, error) : undefined;
    const unreadable = UNREADABLE.has(code) || UNREADABLE_WORDS.test(text);
    const hint =
      missing?.hint ?? (unreadable ? 'is there a proxy between, which changes what is sent?' : undefined) ?? HINTS.find(([pattern]) => pattern.test(text))?.[1];
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

/** What the reasons mean that a connection can be lost for; amqplib and Node have only short words for them. */
const LOSSES: readonly (readonly [pattern: RegExp, meaning: string])[] = [
  [/^Unexpected close$/, 'the other side closed it without a word'],
  [/^Heartbeat timeout$/, 'nothing was heard from the broker for two heartbeat intervals'],
  [/ECONNRESET|EPIPE/, 'it was reset'],
  [/ETIMEDOUT/, 'the network stopped carrying it'],
];

/** The broker, or whatever is in its place, sent what AMQP does not allow, or what nobody can decode. */
export function brokenRule(what: string): Failure {
  return new Failure('unavailable', `the broker broke the rules of AMQP 0-9-1: ${what}`, {
    transient: true,
    hint: 'is there a proxy between, or another kind of server?',
  });
}

/** What amqplib says when bytes cannot be decoded. */
const UNDECODABLE =
  /^(Invalid frame|Unknown frame|Frame size|Frame on unknown|Unexpected frame|Unexpected type tag|Maximum call stack|The value of|Attempt to access|Expected )/;

function lossFailure(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof RangeError || UNDECODABLE.test(message)) return brokenRule(decoding(message));
  const meaning = LOSSES.find(([pattern]) => pattern.test(message))?.[1] ?? message;
  return new Failure('unavailable', `the connection was lost: ${meaning}`, { transient: true });
}

/** Why bytes could not be decoded, in words that are not those of JavaScript. */
function decoding(message: string): string {
  return /^(Maximum call stack|The value of|Attempt to access)/.test(message) ? 'it sent a frame that cannot be decoded' : message;
}
