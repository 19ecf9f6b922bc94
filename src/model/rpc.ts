import { EXIT_CODE_HEADER, REASON_HEADER, STDERR_HEADER } from './dead-letter/attempt.ts';
import { Failure } from './failure.ts';
import { bytesOf } from './message/body.ts';
import { plainHeaders } from './message/field-json.ts';
import type { Body, Delivery, Properties } from './message/message.ts';
import { masked } from './secrets.ts';

/** A server's answer: a body, or a body with properties. The server sets the correlation id. */
export type RpcAnswer = Body | { readonly body: Body; readonly properties?: Properties };

/** A reply, and the milliseconds since its request. */
export interface RpcReply extends Delivery {
  readonly roundTrip: number;
}

export interface RpcErrorDetail {
  /** 1 to 255; default 1. */
  readonly exitCode?: number;
  /** The last lines of the handler's standard error. */
  readonly stderr?: string;
  /** The body of the error reply. */
  readonly body?: Body;
  /** The error reply, where there was one. */
  readonly reply?: RpcReply;
}

/** A request that its handler could not serve: a handler throws it, and a call that gets an error reply rejects with it. */
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

/** Headers must fit into one frame. */
const LONGEST_TEXT = 4_096;

/** An error reply: its headers carry the reason, the exit code and the last lines of standard error. */
export function errorReply({ message, exitCode, stderr, body }: RpcError): { readonly body: Buffer; readonly properties: Properties } {
  const headers = {
    [REASON_HEADER]: masked(message).slice(0, LONGEST_TEXT),
    [EXIT_CODE_HEADER]: isExitCode(exitCode) ? exitCode : 1,
    ...(stderr !== '' && { [STDERR_HEADER]: masked(stderr).slice(-LONGEST_TEXT) }),
  };
  return { body, properties: { headers } };
}

/** The error in a reply; undefined for an answer. An exit code in the headers makes it an error. */
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

/** What became of the requests of an RPC server. */
export interface ServeCounts {
  /** Requests handed to the handler. */
  readonly received: number;
  readonly replied: number;
  /** Error replies. */
  readonly failed: number;
  /** Requests handled without an address for a reply. */
  readonly unaddressed: number;
  /** Replies and error replies whose caller had gone. */
  readonly unheard: number;
  /** Requests returned to the queue. */
  readonly returned: number;
  /** Requests whose connection was lost before they were answered: they come again, and count again. */
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
