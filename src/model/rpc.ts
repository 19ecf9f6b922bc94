import { EXIT_CODE_HEADER, REASON_HEADER, STDERR_HEADER } from './dead-letter/attempt.ts';
import { Failure } from './failure.ts';
import { bytesOf } from './message/body.ts';
import { plainHeaders } from './message/field-json.ts';
import type { Body, Delivery, Properties } from './message/message.ts';
import { masked } from './secrets.ts';

/** What a server answers: a body, or a body with properties. The correlation id is not its business. */
export type RpcAnswer = Body | { readonly body: Body; readonly properties?: Properties };

/** A reply, and how many milliseconds after its request it came. */
export interface RpcReply extends Delivery {
  readonly roundTrip: number;
}

export interface RpcErrorDetail {
  /** 1 to 255; 1 unless told otherwise. */
  readonly exitCode?: number;
  /** The last lines of what the handler has to say about it. */
  readonly stderr?: string;
  /** What it had to answer all the same. */
  readonly body?: Body;
  /** The reply that said so, where there was one. */
  readonly reply?: RpcReply;
}

/** A request that its handler could not serve: thrown by a handler to say so, and by a call that gets this for an answer. */
export class RpcError extends Failure {
  override readonly exitCode: number;
  readonly stderr: string;
  readonly body: Buffer;
  readonly reply: RpcReply | undefined;

  constructor(message: string, { exitCode = 1, stderr = '', body = Buffer.alloc(0), reply }: RpcErrorDetail = {}) {
    super('negative', message, stderr === '' ? {} : { cause: stderr });
    this.exitCode = exitCode;
    this.stderr = String(stderr);
    this.body = bytesOf(body);
    this.reply = reply;
  }
}

/** Text in headers must fit into a frame with everything else. */
const LONGEST_TEXT = 4_096;

/** The reply that tells of an error: its headers carry the reason, the exit code and the last lines of standard error. */
export function errorReply({ message, exitCode, stderr, body }: RpcError): { readonly body: Buffer; readonly properties: Properties } {
  const headers = {
    [REASON_HEADER]: masked(message).slice(0, LONGEST_TEXT),
    [EXIT_CODE_HEADER]: isExitCode(exitCode) ? exitCode : 1,
    ...(stderr !== '' && { [STDERR_HEADER]: masked(stderr).slice(-LONGEST_TEXT) }),
  };
  return { body, properties: { headers } };
}

/** The error that a reply tells of; undefined when it is an answer. An exit code in the headers makes the difference. */
export function errorIn(reply: RpcReply, queue: string): RpcError | undefined {
  const { headers } = reply.properties;
  if (headers?.[EXIT_CODE_HEADER] === undefined) return undefined;
  const { [EXIT_CODE_HEADER]: code, [REASON_HEADER]: reason, [STDERR_HEADER]: stderr } = plainHeaders(headers);
  if (typeof code !== 'number' || code === 0) return undefined;
  return new RpcError(`the handler of "${queue}" failed: ${typeof reason === 'string' ? reason : `exit code ${code}`}`, {
    exitCode: isExitCode(code) ? code : 1,
    body: reply.body,
    reply,
    ...(typeof stderr === 'string' && { stderr }),
  });
}

function isExitCode(code: number): boolean {
  return Number.isInteger(code) && code >= 1 && code <= 255;
}

/** What an RPC server did with the requests that were delivered to it. */
export interface ServeCounts {
  /** Requests handed to the handler. */
  readonly received: number;
  readonly replied: number;
  /** Error replies. */
  readonly failed: number;
  /** Requests that were handled and had no address for a reply. */
  readonly unaddressed: number;
  /** Replies and error replies that reached nobody: their caller had gone. */
  readonly unheard: number;
  /** Requests that went back to the queue. */
  readonly returned: number;
  /** Requests whose connection was lost before they were answered: they come again, and are received once more. */
  readonly unknown: number;
}

/** What became of calls. */
export interface CallCounts {
  readonly calls: number;
  readonly replied: number;
  /** Error replies. */
  readonly failed: number;
  /** Calls without any reply. */
  readonly unanswered: number;
}

/** How long replies took, in milliseconds. */
export interface RoundTrips {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Buckets grow by half a percent, which is how exact a percentile is. */
const GROWTH = Math.log(1.005);
/** The upper end of the first bucket, in milliseconds. */
const SHORTEST = 0.01;

/** Percentiles of any number of round trips in little memory. */
export class Stopwatch {
  readonly #buckets: number[] = [];
  #count = 0;
  #max = 0;

  add(milliseconds: number): void {
    const bucket = milliseconds <= SHORTEST ? 0 : Math.ceil(Math.log(milliseconds / SHORTEST) / GROWTH);
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1;
    this.#count++;
    this.#max = Math.max(this.#max, milliseconds);
  }

  /** Undefined when there was none. */
  get roundTrips(): RoundTrips | undefined {
    return this.#count === 0 ? undefined : { p50: this.#percentile(0.5), p99: this.#percentile(0.99), max: this.#max };
  }

  #percentile(part: number): number {
    let left = Math.ceil(this.#count * part);
    const bucket = this.#buckets.findIndex((count = 0) => {
      left -= count;
      return left <= 0;
    });
    return Math.min(this.#max, SHORTEST * Math.exp(bucket * GROWTH));
  }
}
