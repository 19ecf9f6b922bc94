import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { Failure } from '../../model/failure.ts';
import { type Environment, findProgram } from './find.ts';
import type { Guardian } from './guardian.ts';
import type { Machines } from './local.ts';
import type { Machine } from './node.ts';
import { freePorts } from './ports.ts';
import type { NodeSettings } from './settings.ts';

/** The official image, with the management plugin; `RMQ_RABBITMQ_IMAGE` names another. */
export const IMAGE = 'rabbitmq:4-management';

/**
 * Runs in the container: files rather than mounts, since the engine may be on another machine, as with Docker Desktop.
 * Inside a container every connection comes from elsewhere, also those of `guest` from the host's loopback interface, to
 * which alone the ports are published.
 */
const START = `
printf '%s\\n' "$RMQ_CONFIG" > /etc/rabbitmq/conf.d/90-rmq.conf
printf '%s\\n' "$RMQ_PLUGINS" > /etc/rabbitmq/enabled_plugins
rm -f /var/lib/rabbitmq/.erlang.cookie
printf %s "$RMQ_COOKIE" > /var/lib/rabbitmq/.erlang.cookie
chmod 400 /var/lib/rabbitmq/.erlang.cookie
unset RMQ_CONFIG RMQ_PLUGINS RMQ_COOKIE
exec docker-entrypoint.sh rabbitmq-server
`;

/** Docker or Podman, when one of them is installed and answers; what is wrong with it otherwise. */
export async function findEngine(env: Environment): Promise<{ engine: string } | { reason: string }> {
  const reasons: string[] = [];
  for (const name of ['docker', 'podman']) {
    const engine = findProgram(name, env);
    if (engine === undefined) continue;
    const { failed, output } = await ask(engine, ['info']);
    if (!failed) return { engine };
    const [last = 'it does not answer'] = output.split('\n').filter(Boolean).slice(-1);
    reasons.push(`${name} is installed, but: ${last}`);
  }
  return { reason: reasons.length > 0 ? reasons.join('; ') : 'neither docker nor podman is in the PATH' };
}

/** The nodes of a broker, each to be a container, in a network of their own when there are several. */
export async function containerMachines(
  { engine, image }: { engine: string; image: string },
  nodes: number,
  port: number | undefined,
  settings: NodeSettings,
  guardian: Guardian,
  signal: AbortSignal,
): Promise<Machines> {
  await pull(engine, image, signal);
  const broker = `rmq-${randomBytes(4).toString('hex')}`;
  const names = Array.from({ length: nodes }, (_, index) => `${broker}-${index + 1}`);
  const cookie = randomBytes(24).toString('hex');
  const ports = await freePorts(2 * nodes);
  if (nodes > 1) {
    guardian.network(broker);
    await must(engine, ['network', 'create', broker]);
  }
  const members =
    nodes > 1
      ? [
          'cluster_formation.peer_discovery_backend = classic_config',
          ...names.map((name, index) => `cluster_formation.classic_config.nodes.${index + 1} = rabbit@${name}`),
        ]
      : [];
  const machines = names.map((name, index) => {
    const amqp = port === undefined ? (ports[2 * index] as number) : port + index;
    const management = ports[2 * index + 1] as number;
    const env: Record<string, string | undefined> = {
      ...settings.env,
      RMQ_CONFIG: ['loopback_users = none', 'disk_free_limit.absolute = 1MB', ...members, ...(settings.config ?? [])].join('\n'),
      RMQ_PLUGINS: `[${['rabbitmq_management', ...(settings.plugins ?? [])].join(',')}].`,
      RMQ_COOKIE: cookie,
    };
    const run = [
      ...['run', '--detach', '--name', name, '--hostname', name],
      ...(nodes > 1 ? ['--network', broker] : []),
      ...['--publish', `127.0.0.1:${amqp}:5672`, '--publish', `127.0.0.1:${management}:15672`],
      ...Object.entries(env).flatMap(([key, value]) => (value === undefined ? [] : ['--env', `${key}=${value}`])),
      ...[image, 'sh', '-c', START],
    ];
    return container(engine, name, amqp, management, run, guardian);
  });
  return { machines, companions: [], orphaned: new Promise(() => {}), ...(nodes > 1 && { network: broker }) };
}

function container(engine: string, name: string, port: number, managementPort: number, run: readonly string[], guardian: Guardian): Machine {
  let created = false;
  let ended: Promise<void> = Promise.resolve();
  return {
    name,
    port,
    managementPort,
    pid: undefined,
    get ended() {
      return ended;
    },
    async start() {
      if (!created) guardian.container(name);
      await must(engine, created ? ['start', name] : run);
      created = true;
      const waiting = spawn(engine, ['wait', name], { stdio: 'ignore', detached: true });
      waiting.unref();
      ended = new Promise((resolve) => {
        waiting.once('exit', () => resolve());
        waiting.once('error', () => resolve());
      });
    },
    output: async () => (await ask(engine, ['logs', name])).output,
    kill: () => must(engine, ['kill', name]),
    shutdown: (grace = 20_000) => must(engine, ['stop', '--time', String(Math.ceil(grace / 1_000)), name]),
  };
}

/** Fetches the image when it is not there, with the engine's own progress on stderr; that may take longer than any boot. */
async function pull(engine: string, image: string, signal: AbortSignal): Promise<void> {
  if (!(await ask(engine, ['image', 'inspect', image])).failed) return;
  const code = await new Promise<number | null>((resolve) => {
    const child = spawn(engine, ['pull', image], { stdio: ['ignore', 2, 2], signal });
    child.once('error', () => resolve(null));
    child.once('exit', resolve);
  });
  signal.throwIfAborted();
  if (code !== 0) throw new Failure('unavailable', `${engine} could not fetch ${image}`);
}

async function must(engine: string, args: readonly string[]): Promise<void> {
  const { failed, output } = await ask(engine, args);
  if (failed) throw new Failure('unavailable', `${engine} ${args[0]} failed: ${output.trim()}`);
}

function ask(engine: string, args: readonly string[]): Promise<{ failed: boolean; output: string }> {
  return new Promise((resolve) => {
    execFile(engine, args, { timeout: 60_000, maxBuffer: 64 * 1_048_576 }, (error, stdout, stderr) =>
      resolve({ failed: error !== null, output: `${stdout}${stderr}` }),
    );
  });
}
