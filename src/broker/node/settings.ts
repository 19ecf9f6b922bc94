import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { makeDirectory } from './directory.ts';
import { type Environment, ERLANG_PLACES } from './find.ts';

/** The ports of one node, all on the loopback interface. */
export interface NodePorts {
  readonly amqp: number;
  readonly management: number;
  /** Between the nodes of a cluster, and from command-line tools. */
  readonly distribution: number;
}

/** Additions to what every private node is configured with. */
export interface NodeSettings {
  /** Lines of `rabbitmq.conf`, such as `max_message_size = 1000`. */
  readonly config?: readonly string[] | undefined;
  /** Plugins besides the management plugin. */
  readonly plugins?: readonly string[] | undefined;
  /** Environment variables for the server script. */
  readonly env?: Environment | undefined;
}

/** `rmq-1@localhost`; names need no more than this, since every broker has an epmd to itself. */
export function nodeName(index: number): string {
  return `rmq-${index + 1}@localhost`;
}

/** The file with everything that a node has printed. */
export function outputPath(directory: string, name: string): string {
  return join(directory, `${name}.out`);
}

/** Creates what the nodes of a broker share: the Erlang cookie, which only this user may read, and the list of plugins. */
export function prepareDirectory(directory: string, { plugins = [] }: NodeSettings): void {
  const home = join(directory, 'home');
  makeDirectory(home);
  chmodSync(directory, 0o700);
  writeFileSync(join(home, '.erlang.cookie'), randomBytes(24).toString('hex'), { mode: 0o400 });
  mkdirSync(join(directory, 'conf.d'));
  writeFileSync(join(directory, 'environment'), '');
  writeFileSync(join(directory, 'enabled_plugins'), `[${['rabbitmq_management', ...plugins].join(',')}].\n`);
}

/**
 * Writes the configuration of a node and returns the environment to start it in.
 *
 * Addresses go to `advanced.config`, in Erlang terms: reading a `rabbitmq.conf` costs more than half a second of each
 * boot, so there is one only when lines for it were given.
 */
export function prepareNode(
  directory: string,
  index: number,
  ports: readonly NodePorts[],
  epmdPort: number,
  settings: NodeSettings,
  env: Environment,
): Record<string, string> {
  const name = nodeName(index);
  const { amqp, management, distribution } = ports[index] as NodePorts;
  const own = join(directory, name);
  makeDirectory(own);
  const lines = settings.config ?? [];
  if (lines.length > 0) writeFileSync(join(own, 'rabbitmq.conf'), [...tuning(lines), ...lines, ''].join('\n'));
  writeFileSync(join(own, 'advanced.config'), advancedConfig(amqp, management, ports.length, lines.length === 0));
  return {
    ...inherited(env),
    ...erlangPath(env),
    // Makes the script replace itself by the Erlang VM, so that one process is the node and gets its signals.
    RUNNING_UNDER_SYSTEMD: 'true',
    HOME: join(directory, 'home'),
    ERL_EPMD_PORT: String(epmdPort),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    ERL_CRASH_DUMP_SECONDS: '0',
    RABBITMQ_NODENAME: name,
    RABBITMQ_DIST_PORT: String(distribution),
    RABBITMQ_CONF_ENV_FILE: join(directory, 'environment'),
    RABBITMQ_CONFIG_FILE: join(own, 'rabbitmq.conf'),
    RABBITMQ_CONFIG_FILES: join(directory, 'conf.d'),
    RABBITMQ_ADVANCED_CONFIG_FILE: join(own, 'advanced.config'),
    RABBITMQ_GENERATED_CONFIG_DIR: join(own, 'config'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(directory, 'enabled_plugins'),
    RABBITMQ_FEATURE_FLAGS_FILE: join(own, 'feature_flags'),
    RABBITMQ_MNESIA_BASE: join(own, 'data'),
    RABBITMQ_LOG_BASE: join(own, 'log'),
    RABBITMQ_LOGS: '-',
    RABBITMQ_PID_FILE: join(own, 'pid'),
    // A node that pins its schedulers to cores, or keeps them spinning, takes them away from what it was started for.
    RABBITMQ_SCHEDULER_BIND_TYPE: 'u',
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '+sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}',
    ...defined(settings.env ?? {}),
  };
}

/** A private node is small: neither a nearly full disk nor the memory limit of a container should block its publishers. */
const TUNING_LINES: readonly string[] = ['disk_free_limit.absolute = 1MB', 'vm_memory_high_watermark.relative = 0.8'];
const TUNING_TERMS = '{disk_free_limit, 1000000}, {vm_memory_high_watermark, 0.8},';

/** The tuning that the lines do not set themselves. */
function tuning(lines: readonly string[]): readonly string[] {
  const group = (line: string): string => line.split(/[.= ]/, 1)[0] ?? '';
  return TUNING_LINES.filter((line) => !lines.some((other) => group(other) === group(line)));
}

function advancedConfig(amqp: number, management: number, nodes: number, tuned: boolean): string {
  const members = Array.from({ length: nodes }, (_, index) => `'${nodeName(index)}'`).join(', ');
  return `[
  {rabbit, [{tcp_listeners, [{"127.0.0.1", ${amqp}}]}, ${tuned ? TUNING_TERMS : ''} {cluster_nodes, {[${nodes > 1 ? members : ''}], disc}}]},
  {rabbitmq_management, [{tcp_config, [{ip, "127.0.0.1"}, {port, ${management}}]}]}
].
`;
}

/** Variables for another node, or for Erlang in general, must not reach this one. */
function inherited(env: Environment): Record<string, string> {
  return Object.fromEntries(Object.entries(defined(env)).filter(([name]) => !/^(RABBITMQ_|RMQ_|ERL_|NOTIFY_SOCKET$|LISTEN_)/.test(name)));
}

function erlangPath(env: Environment): { PATH: string } {
  return { PATH: [env['PATH'] ?? '', '/usr/sbin', '/sbin', '/bin', ...ERLANG_PLACES].filter((directory) => directory !== '').join(delimiter) };
}

function defined(env: Environment): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined));
}
