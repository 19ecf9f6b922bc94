import { spawn } from 'node:child_process';
import type { Emit } from '../model/event.ts';
import { abortFailure, Failure } from '../model/failure.ts';
import { findEngine, IMAGE } from './node/container.ts';
import { type Environment, findProgram, findServer, type Server } from './node/find.ts';

/**
 * What a node can be run with: an installed server, else containers, else a server that is installed now if that is allowed.
 * `RMQ_RABBITMQ_IMAGE` asks for a container of that image, whatever is installed.
 *
 * @param places where to search besides the PATH; the usual ones unless told otherwise
 * @throws Failure `unavailable` when there is nothing
 */
export async function obtainServer(env: Environment, mayInstall: boolean, emit: Emit, signal: AbortSignal, places?: readonly string[]): Promise<Server> {
  const image = env['RMQ_RABBITMQ_IMAGE'] || undefined;
  const script = image === undefined ? findServer(env, places) : undefined;
  if (script !== undefined) return script;
  const found = await findEngine(env);
  if ('engine' in found) return { kind: 'container', engine: found.engine, image: image ?? IMAGE };
  if (image !== undefined)
    throw new Failure('unavailable', `RMQ_RABBITMQ_IMAGE asks for a container of ${image}, but ${found.reason}`, {
      hint: 'Start Docker or Podman, or unset it to run an installed rabbitmq-server.',
    });
  if (mayInstall) {
    await install(env, emit, signal);
    const installed = findServer(env, places);
    if (installed !== undefined) return installed;
    throw new Failure('unavailable', 'RabbitMQ was installed, but there is still no rabbitmq-server in the PATH or the usual places', {
      hint: 'Name it with RMQ_RABBITMQ_SERVER.',
    });
  }
  throw new Failure('unavailable', `nothing to run RabbitMQ with: there is no rabbitmq-server in the PATH or the usual places, and ${found.reason}`, {
    hint: advice(process.platform),
  });
}

function advice(platform: NodeJS.Platform): string {
  const by = platform === 'darwin' ? 'brew install rabbitmq' : "sudo apt-get install rabbitmq-server (Debian, Ubuntu), or your system's package of that name";
  return `Install it: ${by}. Or add --install to have that done, start Docker or Podman, or name a rabbitmq-server with RMQ_RABBITMQ_SERVER.`;
}

/**
 * Debian's package starts a system-wide node as soon as it is installed, and again at every boot. The policy file, asked by
 * every package that wants to start a service, denies that (see invoke-rc.d(8)); one that is there already is respected.
 * Only a package list that is missing or out of date makes the first try fail.
 */
const APT = `
policy=$1
if ( set -C; printf '#!/bin/sh\\nexit 101\\n' > "$policy" ) 2>/dev/null; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get install --yes --no-install-recommends rabbitmq-server || { apt-get update && apt-get install --yes --no-install-recommends rabbitmq-server; } || exit 1
if command -v systemctl >/dev/null; then systemctl disable rabbitmq-server.service || true; fi
`;

const POLICY = '/usr/sbin/policy-rc.d';

/**
 * Installs RabbitMQ with apt-get, as root or through a sudo that asks for no password, or with brew. What the installer
 * prints goes to stderr.
 *
 * @param policy the file that keeps Debian from starting services
 * @throws Failure `unavailable` when there is no way to install it, or the installer fails
 */
export async function install(env: Environment, emit: Emit, signal: AbortSignal, policy = POLICY): Promise<void> {
  const [program, ...args] = await installer(env, policy);
  emit({ kind: 'note', text: `installing RabbitMQ with ${args.includes(APT) ? 'apt-get' : 'brew'}` });
  const code = await run(program, args, env, 2, signal);
  if (signal.aborted) throw abortFailure(signal);
  if (code !== 0)
    throw new Failure('unavailable', `installing RabbitMQ failed: the installer ended with ${code ?? 'a signal'}`, { hint: 'What it printed above says why.' });
}

async function installer(env: Environment, policy: string): Promise<readonly [string, ...string[]]> {
  const shell = ['/bin/sh', '-c', APT, 'sh', policy] as const;
  if (findProgram('apt-get', env) !== undefined) {
    if (process.getuid?.() === 0) return shell;
    const sudo = findProgram('sudo', env);
    if (sudo !== undefined && (await run(sudo, ['-n', 'true'], env, 'ignore')) === 0) return [sudo, '-n', ...shell];
    throw new Failure('unavailable', 'RabbitMQ cannot be installed: apt-get needs root, and sudo is missing or asks for a password', {
      hint: 'Run: sudo apt-get install rabbitmq-server',
    });
  }
  const brew = findProgram('brew', env, ['/opt/homebrew/bin', '/usr/local/bin', '/home/linuxbrew/.linuxbrew/bin']);
  if (brew !== undefined) return [brew, 'install', 'rabbitmq'];
  throw new Failure('unavailable', 'RabbitMQ cannot be installed: there is neither apt-get nor brew', {
    hint: 'Install rabbitmq-server in the way of your system, or start Docker or Podman.',
  });
}

/** The exit code; nothing when a signal ended it. The installer gets a chance to tidy up when the run is stopped. */
function run(program: string, args: readonly string[], env: Environment, output: 2 | 'ignore', signal?: AbortSignal): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: env as NodeJS.ProcessEnv, stdio: ['ignore', output, output] });
    const stop = (): void => void child.kill('SIGTERM');
    signal?.addEventListener('abort', stop, { once: true });
    child.once('error', (error) => reject(new Failure('unavailable', `${program} could not be started: ${error.message}`, { cause: error })));
    child.once('exit', (code) => {
      signal?.removeEventListener('abort', stop);
      resolve(code);
    });
  });
}
