import type { Emit } from '../model/event.ts';
import { Failure } from '../model/failure.ts';
import { install } from './install.ts';
import { findEngine, IMAGE } from './node/container.ts';
import { type Environment, findServer, type Server } from './node/find.ts';

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
