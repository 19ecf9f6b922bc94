import assert from 'node:assert/strict';
import { test } from 'node:test';
import { peer, unique } from '../../support/broker.ts';
import { exchangeName, queueName } from '../../support/names.ts';
import { program, scratchDirectory } from '../../support/programs.ts';
import { json, rmq } from '../../support/rmq.ts';

interface Dry {
  readonly chosen: number;
  readonly destinations: readonly { readonly exchange: string; readonly routingKey: string; readonly messages: number }[];
}

test('what a worker has rejected once on each step of a ladder is still replayed to where it came from', async (t) => {
  const { channel, exchange, depth } = await peer(t);
  const [work, dead, dlx] = [queueName(t, unique('work')), queueName(t, unique('dead')), exchangeName(t)];
  for (const step of [1, 2]) queueName(t, `${work}.retry.20ms-30ms.${step}`);
  for (const part of ['', '.first', '.back']) exchangeName(t, `${work}.retry.20ms-30ms${part}`);
  const made = await rmq(['dlx', 'setup', work, '--dlx', dlx, '--dead-queue', dead, '--retry', '20ms,30ms']);
  assert.equal(made.code, 0, made.stderr);
  const source = await exchange('topic');
  await channel.bindQueue(work, source, 'order.#');
  channel.publish(source, 'order.placed', Buffer.from('never good'));
  const never = await program(await scratchDirectory(t), 'never', '#!/bin/sh\nexit 65\n');
  const worked = await rmq(['work', 'run', work, '-n', '3', '--timeout', '50s', '--', never]);
  assert.equal(worked.code, 0, worked.stderr);
  while ((await depth(dead)) < 1);
  const chosen = ['--where', `exchange == "${source}" && routingKey == "order.placed"`];
  const dry = json<Dry>(await rmq(['dlx', 'replay', dead, ...chosen, '--dry-run', '-o', 'json']));
  assert.deepEqual([dry.chosen, dry.destinations], [1, [{ exchange: source, routingKey: 'order.placed', messages: 1 }]]);
  const { stdout: story } = await rmq(['dlx', 'inspect', dead, '--show', '1']);
  assert.match(story, new RegExp(`^1\\. Published to exchange "${source}" with key "order.placed", it was rejected in "${work}" 3 times, first `, 'm'));
});
