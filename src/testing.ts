/** For tests: a real, private RabbitMQ that leaves nothing behind. */
import { type BrokerOptions, startBroker as start } from './broker/broker.ts';

export { Failure, type FailureKind } from './model/failure.ts';

/** What `startBroker` takes. */
export interface TestBrokerOptions extends Pick<BrokerOptions, 'nodes' | 'bootTimeout' | 'install' | 'signal'> {}

/** One node of a broker. */
export interface TestNode {
  /** `amqp://guest:guest@127.0.0.1:…` */
  readonly url: string;
  readonly managementUrl: string;
  /** Kills it, as a power cut would. */
  kill(): Promise<void>;
  /** Starts it again after `kill`, on the same ports with the same data; resolves once it accepts connections. */
  restart(): Promise<void>;
}

/** A running broker that belongs to this process: when this process ends, however it does, so does the broker. */
export interface TestBroker {
  /** For `openSession`; of a cluster, with commas, that of each node. */
  readonly url: string;
  /** The management API of the first node. */
  readonly managementUrl: string;
  /** Such as `4.0.5`. */
  readonly version: string;
  readonly nodes: readonly [TestNode, ...TestNode[]];
  /** Ends its processes and removes its files; resolves when both are gone. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts a private RabbitMQ on free ports of the loopback interface, with what is there to run it: an installed `rabbitmq-server`, Docker or Podman.
 * Resolves once it accepts connections; `guest` may do everything.
 *
 * @throws Failure `unavailable` when there is nothing to run RabbitMQ with (`install: true` installs it, with apt-get or brew), or it does not start within
 * `bootTimeout` (60,000 ms unless told otherwise)
 */
export async function startBroker(options: TestBrokerOptions = {}): Promise<TestBroker> {
  const { nodes, url, managementUrl, version, stop } = await start(options);
  const all = nodes.map((node) => ({ url: node.url, managementUrl: node.managementUrl, kill: node.kill, restart: node.restart }));
  return { url, managementUrl, version, nodes: all as [TestNode, ...TestNode[]], stop, [Symbol.asyncDispose]: stop };
}
