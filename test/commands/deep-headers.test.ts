import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nested } from '../support/hostile-broker.ts';
import { queueName } from '../support/names.ts';
import { rmq } from '../support/rmq.ts';

/** An envelope whose headers nest so deep, and one behind it. */
function lines(queue: string, levels: number, body: string): string {
  const entries = nested(levels);
  // Its first entry has the name "a": what comes behind that is one encoded field.
  const headers = { a: { '!': 'raw', value: entries.subarray(2).toString('base64') } };
  return [
    { exchange: '', routingKey: queue, properties: { deliveryMode: 2, headers }, body },
    { exchange: '', routingKey: queue, properties: { deliveryMode: 2 }, body: 'behind' },
  ]
    .map((line) => JSON.stringify(line))
    .join('\n');
}

for (const levels of [500, 10_000]) {
  for (const size of [4, 300_000]) {
    test(`a message of ${size} bytes whose headers nest ${levels} levels deep is handled like any other`, async (t) => {
      const queue = queueName(t);
      assert.equal((await rmq(['queue', 'declare', queue])).code, 0);
      const sent = await rmq(['publish', '--envelopes'], { input: lines(queue, levels, 'x'.repeat(size)) });
      assert.equal(sent.code, 0, sent.stderr);
      const looked = await rmq(['consume', queue, '--requeue', '--drain', '-o', 'json']);
      assert.equal(looked.code, 0, looked.stderr);
      for (const args of [
        ['dlx', 'inspect', queue],
        ['dlx', 'inspect', queue, '-o', 'json'],
        ['dlx', 'export', queue, '-o', 'json'],
      ]) {
        const { code, stderr } = await rmq(args);
        assert.equal(code, 0, `${args.join(' ')}\n${stderr}`);
      }
      const worked = await rmq(['work', 'run', queue, '--drain', '--drop-dead', '--', 'cat']);
      assert.equal(worked.code, 0, worked.stderr);
      assert.match(worked.stdout, /behind/);
      // What was looked at is sent again, and is the same.
      assert.equal((await rmq(['publish', '--envelopes'], { input: looked.stdout })).code, 0);
      const again = await rmq(['consume', queue, '--drain', '-o', 'json']);
      assert.equal(again.code, 0, again.stderr);
      assert.equal(again.stdout, looked.stdout);
    });
  }
}
