import type { Body, Delivery } from '../model/message/message.ts';
import type { RpcAnswer, RpcReply, ServeCounts } from '../model/rpc.ts';
import type { HandlerContext } from '../model/verdict.ts';
import { checkedOptions } from '../patterns/options.ts';
import * as clients from '../patterns/rpc/client.ts';
import * as servers from '../patterns/rpc/server.ts';
import { checkHandler, type Open, opening, type Running, running } from './handle.ts';
import type { Call, Input } from './options.ts';
import { insideOf, type Session } from './session.ts';

/** What `rpcServer` takes. Durations are milliseconds. */
export interface RpcServerOptions extends Input<typeof servers.serverShape> {}

/**
 * Serves one request. What it throws reaches the caller as an error: an RpcError with its exit code, anything else with 1, and so does what is no answer
 * (an empty reply is `''`). `attempt` is 1 for a request that the broker has not handed out before.
 */
export type RpcHandler = (request: Delivery, context: HandlerContext) => Promise<RpcAnswer>;

const NONE: ServeCounts = { received: 0, replied: 0, failed: 0, unaddressed: 0, unheard: 0, returned: 0, unknown: 0 };

/**
 * Answers the requests of a queue. A request is acknowledged once the broker has its reply, and goes back to the queue when the server cannot finish it.
 *
 * @throws Failure `usage` for wrong options, at once. `ready` and `done` reject with `refused` for a stream or a queue of another type, `denied`, and
 * `unavailable` where the session has a limit
 */
export function rpcServer(session: Session, options: RpcServerOptions, handler: RpcHandler, call?: Call): Running<ServeCounts> {
  insideOf(session);
  const config = checkedOptions(servers.RpcServerConfig, options);
  checkHandler(handler);
  const serve: servers.RpcHandler = (request, { signal }) => handler(request, { signal, attempt: request.redelivered ? 2 : 1 });
  return running(session, { queue: config.queue, call, none: NONE }, (links) => servers.rpcServer(links, config, serve));
}

/** What `rpcClient` takes. Durations are milliseconds. */
export interface RpcClientOptions extends Input<typeof clients.clientShape> {}

/** What one call takes beside its body. */
export interface RpcCallOptions extends Call {
  /** Milliseconds until the reply; as the client's own `timeout` unless told otherwise. */
  readonly timeout?: number | undefined;
  /** Of the request, all but those that lead its reply back. */
  readonly properties?: clients.RequestProperties | undefined;
}

/** A client that stays open, for a program that calls when it has something to ask. */
export interface RpcClient extends Open {
  /**
   * Sends a request and resolves with its reply. Any number of calls may be under way at once. Requests are transient and expire when nobody waits for
   * their reply any more; each has a message id, by which a server can tell one that comes again.
   *
   * @throws RpcError when the handler failed; Failure `deadline`, what the signal was aborted with, `unavailable` when nobody serves the queue or the
   * connection was lost: then nobody knows whether the request was served; `refused`; `usage` for wrong options and `data` for what is no body or no
   * properties, before anything is sent
   */
  readonly call: (body: Body, options?: RpcCallOptions) => Promise<RpcReply>;
  /** Closes the connection; calls without a reply fail with `unavailable`. */
  close(): Promise<void>;
}

/**
 * Connects a client of the servers of a queue. While the broker cannot be reached, it waits for it: a `signal` limits that.
 *
 * @throws Failure `usage` for wrong options, `unavailable` when nobody serves the queue, `denied`, and what the signal was aborted with
 */
export async function rpcClient(session: Session, options: RpcClientOptions, call?: Call): Promise<RpcClient> {
  insideOf(session);
  const config = checkedOptions(clients.RpcClientConfig, options);
  return opening(session, { queue: config.queue, call }, (links) => clients.rpcClient(links, config));
}
