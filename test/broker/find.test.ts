import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { findServer } from '../../src/broker/node/find.ts';
import { obtainServer } from '../../src/broker/server.ts';
import { scratch } from './rmq.ts';

/** Puts programs into a directory and returns the path of the first. */
function programs(directory: string, ...paths: readonly [string, ...string[]]): string {
  for (const path of paths) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), '#!/bin/sh\n');
    chmodSync(join(directory, path), 0o755);
  }
  return join(directory, paths[0]);
}

const path = (server: ReturnType<typeof findServer>): string | undefined => (server?.kind === 'script' ? server.path : undefined);

test('RMQ_RABBITMQ_SERVER wins over the PATH, and the PATH over the usual places', (t) => {
  const root = scratch(t);
  const named = programs(root, 'named/server');
  const inPath = programs(root, 'path/rabbitmq-server', 'path/epmd');
  const usual = programs(root, 'usual/rabbitmq-server');
  const PATH = dirname(inPath);
  const places = [dirname(usual)];
  assert.equal(path(findServer({ PATH, RMQ_RABBITMQ_SERVER: named }, places)), named);
  assert.equal(path(findServer({ PATH }, places)), inPath);
  assert.equal(path(findServer({ PATH: '' }, places)), usual);
  assert.equal(findServer({ PATH: '' }, []), undefined);
});

test('the wrapper of distributions, which changes the user, is passed over for the script behind it', (t) => {
  const root = scratch(t);
  const script = programs(root, 'lib/rabbitmq-server', 'lib/rabbitmq-script-wrapper', 'sbin/epmd');
  symlinkSync('../lib/rabbitmq-script-wrapper', join(root, 'sbin/rabbitmq-server'));
  assert.equal(path(findServer({ PATH: join(root, 'sbin') }, [])), script);
});

test('of several versions in one place the highest is taken', (t) => {
  const root = scratch(t);
  programs(root, 'rabbitmq_server-3.9.30/sbin/rabbitmq-server', 'rabbitmq_server-3.10.8/sbin/rabbitmq-server');
  assert.equal(path(findServer({ PATH: '' }, [join(root, 'rabbitmq_server-*/sbin')])), join(root, 'rabbitmq_server-3.10.8/sbin/rabbitmq-server'));
});

test('a directory or a file without execute permission of that name is not taken for the server', (t) => {
  const root = scratch(t);
  mkdirSync(join(root, 'a/rabbitmq-server'), { recursive: true });
  mkdirSync(join(root, 'b'));
  writeFileSync(join(root, 'b/rabbitmq-server'), '');
  assert.equal(findServer({ PATH: `${join(root, 'a')}:${join(root, 'b')}` }, []), undefined);
});

test('containers are the second choice, and only where the engine answers', async (t) => {
  const root = scratch(t);
  const docker = programs(root, 'bin/docker', 'bin/podman');
  writeFileSync(docker, '#!/bin/sh\necho "Cannot connect to the Docker daemon" >&2\nexit 1\n');
  const signal = new AbortController().signal;
  const PATH = dirname(docker);
  const container = { kind: 'container', engine: join(PATH, 'podman'), image: 'rabbitmq:4-management' };
  assert.deepEqual(await obtainServer({ PATH }, false, () => {}, signal, []), container);
  chmodSync(join(PATH, 'podman'), 0o644);
  await assert.rejects(
    obtainServer({ PATH }, false, () => {}, signal, []),
    { kind: 'unavailable', message: /nothing to run RabbitMQ with: .*docker is installed, but: Cannot connect to the Docker daemon/, hint: /rabbitmq-server/ },
  );
});

test('RMQ_RABBITMQ_IMAGE asks for a container of that image, also where a server is installed', async (t) => {
  const root = scratch(t);
  const PATH = dirname(programs(root, 'bin/podman', 'bin/rabbitmq-server', 'bin/epmd'));
  const env = { PATH, RMQ_RABBITMQ_IMAGE: 'rabbitmq:3.13-management' };
  const signal = new AbortController().signal;
  const container = { kind: 'container', engine: join(PATH, 'podman'), image: 'rabbitmq:3.13-management' };
  assert.deepEqual(await obtainServer(env, false, () => {}, signal, []), container);
  chmodSync(join(PATH, 'podman'), 0o644);
  const message = 'RMQ_RABBITMQ_IMAGE asks for a container of rabbitmq:3.13-management, but neither docker nor podman is in the PATH';
  await assert.rejects(
    obtainServer(env, false, () => {}, signal, []),
    { kind: 'unavailable', message },
  );
});
