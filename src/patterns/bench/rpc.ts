import type { Session } from '../../amqp/connection/session.ts';
import { Requester } from '../../amqp/rpc/requester.ts';
import { callOver } from '../rpc/client.ts';
import { RpcServerConfig, rpcServer } from '../rpc/server.ts';
import type { BenchRpcConfig } from './config.ts';
import { type Benched, onBenchQueue, stoppable } from './stage.ts';

/**
 * Calls a server in this process, which answers with what it got; what is timed is each call.
 *
 * @throws Failure as `onBenchQueue` does
 */
export async function benchRpc(session: Session, config: BenchRpcConfig): Promise<Benched> {
  const { concurrency, warmUp, timeout } = config;
  return onBenchQueue(session, config, async ({ session: own, queue, gauge, body, goesOn }) => {
    const server = stoppable(own);
    const serving = rpcServer(server.session, RpcServerConfig.parse({ queue, concurrency, grace: 0 }), async (request) => request.body);
    const failed = serving.then(() => Promise.reject(new Error('the server stopped')));
    failed.catch(() => undefined);
    const requester = new Requester(own, { queue, idempotent: false });
    const calls = async (mayBegin: () => boolean, done: (since: number) => void): Promise<void> => {
      const caller = async (): Promise<void> => {
        while (mayBegin()) {
          const since = performance.now();
          await callOver(requester, { queue, timeout, signal: undefined }, body, {});
          done(since);
        }
      };
      await Promise.race([Promise.all(Array.from({ length: concurrency }, caller)), failed]);
    };
    try {
      await Promise.race([server.subscribed, failed]);
      await requester.connect();
      let cold = warmUp;
      await calls(
        () => cold-- > 0,
        () => undefined,
      );
      gauge.start();
      await calls(
        () => goesOn(gauge.begun) && ++gauge.begun > 0,
        (since) => gauge.add(since),
      );
    } finally {
      await requester.close();
      server.stop();
      await serving.catch(() => undefined);
    }
  });
}
