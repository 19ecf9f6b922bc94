import { accessSync, constants, readdirSync, realpathSync, statSync } from 'node:fs';
import { basename, delimiter, dirname, join } from 'node:path';
import { Failure } from '../../model/failure.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** What a node can be run with: the server's start script, or containers. */
export type Server =
  | { readonly kind: 'script'; readonly path: string; readonly epmd: string }
  | { readonly kind: 'container'; readonly engine: string; readonly image: string };

/** Where packages put the server when it is not in the PATH; a `*` ends a name of any version. */
const PLACES: readonly string[] = [
  '/usr/lib/rabbitmq/bin',
  '/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin',
  '/usr/local/lib/rabbitmq/lib/rabbitmq_server-*/sbin',
  '/usr/sbin',
  '/usr/local/sbin',
  '/usr/local/opt/rabbitmq/sbin',
  '/opt/homebrew/sbin',
  '/opt/homebrew/opt/rabbitmq/sbin',
  '/home/linuxbrew/.linuxbrew/sbin',
  '/opt/local/sbin',
  '/opt/rabbitmq/sbin',
  '/opt/rabbitmq_server-*/sbin',
];

/** Where `erl` and `epmd` are when they are not in the PATH. */
export const ERLANG_PLACES: readonly string[] = [
  '/usr/bin',
  '/usr/local/bin',
  '/opt/homebrew/bin',
  '/home/linuxbrew/.linuxbrew/bin',
  '/opt/local/bin',
  '/usr/lib/erlang/bin',
  '/usr/local/lib/erlang/bin',
  '/opt/erlang/bin',
];

/**
 * The start script of an installed RabbitMQ: the one that `RMQ_RABBITMQ_SERVER` names, else from the PATH, else from the
 * usual places. Distributions put a wrapper into the PATH that switches to a user `rabbitmq`; the script behind it is
 * taken instead, because a private node runs as the user who starts it.
 *
 * @throws Failure `unavailable` when `RMQ_RABBITMQ_SERVER` names nothing that can be run, or Erlang's epmd is not to be found
 */
export function findServer(env: Environment, places: readonly string[] = PLACES): Server | undefined {
  const named = env['RMQ_RABBITMQ_SERVER'];
  if (named !== undefined && named !== '') {
    if (isExecutable(named)) return { kind: 'script', path: named, epmd: findEpmd(env) };
    throw new Failure('unavailable', `RMQ_RABBITMQ_SERVER names ${named}, which is not an executable file`, {
      hint: 'Set it to the path of a rabbitmq-server script, or unset it to have one searched for.',
    });
  }
  for (const directory of [...pathOf(env), ...places.flatMap(expand)]) {
    const found = join(directory, 'rabbitmq-server');
    if (!isExecutable(found)) continue;
    const script = behindWrapper(found);
    if (script !== undefined) return { kind: 'script', path: script, epmd: findEpmd(env) };
  }
  return undefined;
}

/** The path of a program in the PATH, or in one of these other places. */
export function findProgram(name: string, env: Environment, places: readonly string[] = []): string | undefined {
  return [...pathOf(env), ...places].map((directory) => join(directory, name)).find(isExecutable);
}

/** True for a file, not a directory, that this user may execute. */
export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Where the system looks when there is no PATH. */
const DEFAULT_PATH = '/usr/bin:/bin';

function pathOf(env: Environment): string[] {
  return (env['PATH'] ?? DEFAULT_PATH).split(delimiter).filter((directory) => directory !== '');
}

function behindWrapper(found: string): string | undefined {
  const real = realpathSync(found);
  if (basename(real) !== 'rabbitmq-script-wrapper') return found;
  const script = join(dirname(real), 'rabbitmq-server');
  return isExecutable(script) ? script : undefined;
}

/** epmd knows the nodes of a host by name. It comes with Erlang: in the PATH, or in the directories of the runtime. */
function findEpmd(env: Environment): string {
  const direct = findProgram('epmd', env, ERLANG_PLACES);
  if (direct !== undefined) return direct;
  const erl = findProgram('erl', env, ERLANG_PLACES);
  const root = erl === undefined ? undefined : dirname(dirname(realpathSync(erl)));
  const runtime = root === undefined ? undefined : expand(join(root, 'erts-*', 'bin')).find((directory) => isExecutable(join(directory, 'epmd')));
  if (runtime !== undefined) return join(runtime, 'epmd');
  throw new Failure('unavailable', 'RabbitMQ is here, but epmd, which comes with Erlang, is not', { hint: 'Put the directory of erl and epmd into the PATH.' });
}

/** The directories that a place with a `*` stands for, the highest version first. */
function expand(place: string): string[] {
  const star = place.indexOf('*');
  if (star < 0) return [place];
  const prefix = place.slice(0, star);
  const parent = dirname(`${prefix}x`);
  try {
    return readdirSync(parent)
      .filter((name) => name.startsWith(basename(prefix)))
      .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
      .map((name) => join(parent, name) + place.slice(star + 1));
  } catch {
    return [];
  }
}
