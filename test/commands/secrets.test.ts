import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brokerUrl, peer, unique } from '../support/broker.ts';
import { queueName } from '../support/names.ts';
import { rmq, start } from '../support/rmq.ts';

const PASSWORD = 'p4ss/w0rd';
/** What handlers inherit, and print. */
const env = {
  RMQ_URL: brokerUrl(),
  AMQP_URL: `amqp://app:${encodeURIComponent(PASSWORD)}@db.example/`,
  RABBITMQ_MANAGEMENT_URL: 'http://ops:m4nagement@db.example:15672',
  PLAIN: PASSWORD,
};
const SAY = ['sh', '-c', 'echo "cannot reach $AMQP_URL, $RABBITMQ_MANAGEMENT_URL with $PLAIN" >&2; exit 65'];
const hidden = (text: string): void => assert.doesNotMatch(text, /p4ss|m4nagement/);

test('no password that rmq knows stands in a dead letter or in the output', async (t) => {
  const { queue, publish, take } = await peer(t);
  const dead = await queue();
  const work = await queue({ arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead } });
  await publish(work, ['task', 'task']);
  const each = await rmq(['work', 'run', work, '-n', '1', '-v', '--', ...SAY], { env });
  assert.equal(each.code, 0, each.stderr);
  const answer = ['sh', '-c', 'read -r line; echo "{\\"id\\":1,\\"verdict\\":\\"dead\\",\\"reason\\":\\"no $PLAIN at $AMQP_URL\\"}"; cat'];
  const stream = await rmq(['work', 'run', work, '-n', '1', '--stream', '--', ...answer], { env });
  assert.equal(stream.code, 0, stream.stderr);
  const letters = await take(dead);
  assert.equal(letters.length, 2);
  for (const { properties } of letters) hidden(JSON.stringify(properties.headers));
  assert.match(String(letters[0]?.properties.headers?.['x-rmq-stderr']), /^cannot reach amqp:\/\/app:\*\*\*@db\.example\/, /);
  for (const run of [each, stream]) hidden(run.stdout + run.stderr);
});

test('no password that rmq knows stands in the reply that tells of an error', async (t) => {
  const queue = queueName(t, unique('rpc'));
  const server = start(['rpc', 'serve', queue, '--', ...SAY], { env });
  t.after(() => server.child.kill('SIGTERM'));
  await server.until('stderr', `serving queue "${queue}"`);
  const call = await rmq(['rpc', 'call', queue, 'x', '-o', 'json']);
  assert.equal(call.code, 65, call.stderr);
  assert.match(call.stderr, /cannot reach amqp:\/\/app:\*\*\*@/);
  server.child.kill('SIGTERM');
  hidden(call.stdout + call.stderr + (await server.result).stderr);
});

test('a password on the command line is warned of, but not one that is no secret', async () => {
  const ask = async (url: string, ...flags: string[]): Promise<string> => (await rmq(['consume', 'q', '-u', url, '--no-reconnect', ...flags])).stderr;
  const open = await ask(`amqp://guest:${encodeURIComponent(PASSWORD)}@127.0.0.1:1/`);
  assert.match(open, /ps shows the password in --url .* --url-file/);
  hidden(open);
  assert.doesNotMatch(await ask(`amqp://guest:${encodeURIComponent(PASSWORD)}@127.0.0.1:1/`, '--quiet'), /--url-file/);
  assert.doesNotMatch(await ask('amqp://guest:guest@127.0.0.1:1/'), /--url-file/);
});
