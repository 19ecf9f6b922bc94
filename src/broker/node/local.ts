import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { Failure } from '../../model/failure.ts';
import type { Environment } from './find.ts';
import type { Guardian } from './guardian.ts';
import { localMachine, type Machine } from './node.ts';
import { freePorts } from './ports.ts';
import { type NodePorts, type NodeSettings, nodeName, prepareDirectory, prepareNode } from './settings.ts';

/** Everything that a broker's nodes need of each other. */
export interface Machines {
  readonly machines: readonly Machine[];
  /** Processes that belong to the broker besides its nodes, each leading its group. */
  readonly companions: readonly number[];
  /** Resolves when a companion has ended without which the nodes cannot do; rejects when it could not be started. */
  readonly orphaned: Promise<void>;
  readonly network?: string;
}

/**
 * The nodes of a broker, not yet started, and their own epmd, which is: with the system's epmd, two brokers would see each
 * other's names, and one that RabbitMQ starts by itself stays behind for ever.
 *
 * @param port of the first node; the others count on from it
 */
export async function localMachines(
  server: { path: string; epmd: string },
  directory: string,
  nodes: number,
  port: number | undefined,
  settings: NodeSettings,
  env: Environment,
  guardian: Guardian,
): Promise<Machines> {
  const [epmdPort = 0, ...free] = await freePorts(1 + 3 * nodes);
  const ports: NodePorts[] = Array.from({ length: nodes }, (_, index) => {
    const [amqp = 0, management = 0, distribution = 0] = free.slice(3 * index);
    return { amqp: port === undefined ? amqp : port + index, management, distribution };
  });
  prepareDirectory(directory, settings);
  const machines = ports.map((own, index) =>
    localMachine(server.path, directory, nodeName(index), own, prepareNode(directory, index, ports, epmdPort, settings, env), guardian),
  );

  const home = { HOME: join(directory, 'home'), PATH: env['PATH'] ?? '' };
  const epmd = spawn(server.epmd, ['-address', '127.0.0.1', '-port', String(epmdPort)], { cwd: directory, env: home, detached: true, stdio: 'ignore' });
  epmd.unref();
  if (epmd.pid !== undefined) guardian.target(-epmd.pid);
  const orphaned = new Promise<void>((resolve, reject) => {
    epmd.once('error', ({ message }) => reject(new Failure('unavailable', `${server.epmd} cannot be started: ${message}`)));
    epmd.once('exit', () => {
      if (epmd.pid !== undefined) guardian.ended(-epmd.pid);
      resolve();
    });
  });
  orphaned.catch(() => {});
  return { machines, companions: epmd.pid === undefined ? [] : [epmd.pid], orphaned };
}
