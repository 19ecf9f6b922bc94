import { mkdtempSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Emit } from '../model/event.ts';
import { abortFailure, Failure } from '../model/failure.ts';
import { managementUrl, PortTaken, untilNodesReady } from './node/boot.ts';
import { containerMachines } from './node/container.ts';
import { fileFailure, withFiles } from './node/directory.ts';
import type { Environment, Server } from './node/find.ts';
import { startGuardian } from './node/guardian.ts';
import { localMachines } from './node/local.ts';
import type { Machine } from './node/node.ts';
import { portProblem } from './node/ports.ts';
import type { NodeSettings } from './node/settings.ts';
import { obtainServer } from './server.ts';

export interface BrokerOptions extends NodeSettings {
  /** Default 1; several form a cluster. */
  readonly nodes?: number | undefined;
  /** The AMQP port of the first node; the others count on from it. Default: free ports. */
  readonly port?: number | undefined;
  /** Milliseconds for its boot; default: a minute. */
  readonly bootTimeout?: number | undefined;
  /** Whether RabbitMQ may be installed when it is missing. */
  readonly install?: boolean | undefined;
  /** Where it keeps its files, which are removed when it is stopped. Default: a new temporary directory. */
  readonly directory?: string | undefined;
  /** The environment in which programs are searched, and which nodes inherit; default: that of this process. */
  readonly environment?: Environment | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly emit?: Emit | undefined;
}

export interface BrokerNode extends Machine {
  /** `amqp://guest:guest@127.0.0.1:…` */
  readonly url: string;
  readonly managementUrl: string;
  /** Starts it again after `kill` or `shutdown`, on the same ports with the same data; resolves once it accepts connections. */
  restart(): Promise<void>;
}

/** A running broker that belongs to this process, and ends with it in any case. */
export interface Broker {
  readonly nodes: readonly [BrokerNode, ...BrokerNode[]];
  /** The URLs of all nodes, with commas between them. */
  readonly url: string;
  /** The management plugin of the first node. */
  readonly managementUrl: string;
  readonly version: string;
  readonly server: Server;
  /** Where its files are; it has none in containers. */
  readonly directory: string | undefined;
  /** Processes that belong to it besides its nodes. */
  readonly companions: readonly number[];
  readonly network: string | undefined;
  /** Registers a process (a group, when negative) to be killed together with the broker should this process be killed. */
  own(target: number): void;
  /** Registers such a process by a mark in its environment before it is started, since this process may be killed before it knows the number. */
  expect(mark: string): void;
  /** Forgets a registered process that has ended. */
  disown(target: number): void;
  /** Ends its processes and removes its files; resolves when both are gone. */
  stop(): Promise<void>;
  /** Lets it run on without this process. */
  release(): Promise<void>;
}

const BOOT_TIMEOUT = 60_000;
const ATTEMPTS = 3;

/**
 * Starts a private RabbitMQ broker on the loopback interface and resolves once it really accepts AMQP connections; a
 * cluster, once all of its nodes are members.
 *
 * @throws Failure `unavailable` when RabbitMQ is not there, or does not start; the signal's reason when that aborts
 */
export async function startBroker(options: BrokerOptions = {}): Promise<Broker> {
  const { environment = process.env, signal = new AbortController().signal, emit = () => {} } = options;
  const server = await obtainServer(environment, options.install ?? false, emit, signal);
  for (let attempt = 1; ; attempt += 1) {
    if (signal.aborted) throw abortFailure(signal);
    await checkPorts(options);
    try {
      return await boot(server, options, environment, signal);
    } catch (error) {
      if (!(error instanceof PortTaken)) throw error;
      if (attempt === ATTEMPTS) throw new Failure('unavailable', `other programs took the ports of the node ${ATTEMPTS} times`, { cause: error });
    }
  }
}

async function boot(server: Server, options: BrokerOptions, environment: Environment, signal: AbortSignal): Promise<Broker> {
  const nodes = options.nodes ?? 1;
  const directory = server.kind === 'container' ? undefined : (options.directory ?? temporaryDirectory());
  const guardian = startGuardian(directory, server.kind === 'container' ? server.engine : undefined);
  try {
    const { machines, companions, network, orphaned } =
      server.kind === 'container'
        ? await containerMachines(server, nodes, options.port, options, guardian, signal)
        : await localMachines(server, directory as string, nodes, options.port, options, environment, guardian);
    const timeout = options.bootTimeout ?? BOOT_TIMEOUT;
    await Promise.all(machines.map((machine) => machine.start()));
    const version = await untilNodesReady(machines, orphaned, timeout, signal);
    const all = machines.map((machine) => brokerNode(machine, orphaned, timeout)) as [BrokerNode, ...BrokerNode[]];
    return {
      nodes: all,
      url: all.map(({ url }) => url).join(','),
      managementUrl: all[0].managementUrl,
      version,
      server,
      directory,
      companions,
      network,
      expect: (mark) => guardian.expect(mark),
      own: (target) => guardian.target(target),
      disown: (target) => guardian.ended(target),
      stop: () => guardian.clean(),
      release: () => guardian.keep(),
    };
  } catch (error) {
    await guardian.clean();
    throw fileFailure(error, `cannot prepare a node in ${directory}`, 'Free some room there, or name another directory with TMPDIR.');
  }
}

function temporaryDirectory(): string {
  return withFiles(`cannot make a directory for the node in ${tmpdir()}`, 'TMPDIR names the directory for temporary files.', () =>
    mkdtempSync(join(realpathSync(tmpdir()), 'rmq-')),
  );
}

function brokerNode(machine: Machine, orphaned: Promise<void>, timeout: number): BrokerNode {
  return {
    name: machine.name,
    port: machine.port,
    managementPort: machine.managementPort,
    url: `amqp://guest:guest@127.0.0.1:${machine.port}/`,
    managementUrl: managementUrl(machine.managementPort),
    get pid() {
      return machine.pid;
    },
    get ended() {
      return machine.ended;
    },
    start: () => machine.start(),
    output: () => machine.output(),
    kill: () => machine.kill(),
    shutdown: (grace) => machine.shutdown(grace),
    async restart() {
      await machine.start();
      await untilNodesReady([machine], orphaned, timeout, new AbortController().signal);
    },
  };
}

async function checkPorts({ port, nodes = 1 }: BrokerOptions): Promise<void> {
  if (port === undefined) return;
  for (let taken = port; taken < port + nodes; taken += 1) {
    const problem = await portProblem(taken);
    if (problem !== undefined)
      throw new Failure('unavailable', `port ${taken} ${problem}`, { hint: 'Choose another --port, or leave it out to have a free one taken.' });
  }
}
