import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { install } from '../../src/broker/server.ts';
import { scratch } from './rmq.ts';

const signal = new AbortController().signal;

/** A PATH whose apt-get writes down how it was called and whether services were denied; it fails the first time on request. */
function machine(root: string, fails: boolean): { env: Record<string, string>; policy: string; calls: () => string[] } {
  const bin = join(root, 'bin');
  const log = join(root, 'calls');
  const policy = join(root, 'policy-rc.d');
  mkdirSync(bin);
  program(
    join(bin, 'apt-get'),
    `echo "$DEBIAN_FRONTEND $([ -x ${policy} ] && ${policy}; echo $?) $*" >> ${log}\n[ "$1" = update ] && touch ${root}/updated\n${fails ? `[ "$1" = update ] || [ -e ${root}/updated ]` : ':'}`,
  );
  program(join(bin, 'sudo'), `shift; exec "$@"`);
  program(join(bin, 'systemctl'), `echo "systemctl $*" >> ${log}`);
  return { env: { PATH: `${bin}:/usr/bin:/bin` }, policy, calls: () => readFileSync(log, 'utf8').trim().split('\n') };
}

function program(path: string, body: string): void {
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
}

test('apt-get installs the server while services are denied, and nothing is left that denies them', async (t) => {
  const { env, policy, calls } = machine(scratch(t), false);
  await install(env, () => {}, signal, policy);
  assert.deepEqual(calls(), ['noninteractive 101 install --yes --no-install-recommends rabbitmq-server', 'systemctl disable rabbitmq-server.service']);
  assert.equal(existsSync(policy), false);
});

test('package lists out of date are updated', async (t) => {
  const { env, policy, calls } = machine(scratch(t), true);
  await install(env, () => {}, signal, policy);
  assert.deepEqual(
    calls().map((call) => call.split(' ')[2]),
    ['install', 'update', 'install', 'rabbitmq-server.service'],
  );
});

test('a policy that is there already is respected, and an installer that fails is told about', async (t) => {
  const root = scratch(t);
  const { env, policy } = machine(root, false);
  program(policy, 'exit 0');
  program(join(root, 'bin', 'apt-get'), 'exit 100');
  await assert.rejects(
    install(env, () => {}, signal, policy),
    { kind: 'unavailable', message: /the installer ended with 1/ },
  );
  assert.match(readFileSync(policy, 'utf8'), /exit 0/);
});

test('brew is used where there is no apt-get', async (t) => {
  const root = scratch(t);
  program(join(root, 'brew'), `echo "$*" > ${root}/calls`);
  await install({ PATH: root }, () => {}, signal);
  assert.equal(readFileSync(join(root, 'calls'), 'utf8'), 'install rabbitmq\n');
});
