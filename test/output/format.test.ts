import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseEnvelope } from '../../src/model/message/envelope.ts';
import type { Script } from './play.ts';
import { delivery, onTerminal, perform } from './theatre.ts';

const SETTLED = { settled: true } as const;
const print = async (script: Omit<Script, 'steps'>, ...bodies: (string | Buffer)[]): Promise<string> =>
  (await perform({ ...script, steps: [...bodies.map((body) => delivery(body)), SETTLED] })).stdout.toString('latin1');

describe('deliveries that go to a pipe or a file', () => {
  it('are bodies with a newline after each', async () => assert.equal(await print({}, 'a', '', 'b\n'), 'a\n\nb\n\n'));
  it('have a NUL after each instead, when asked for', async () => assert.equal(await print({ style: { nul: true } }, 'a', 'b'), 'a\0b\0'));
  it('are bodies and nothing else when raw', async () =>
    assert.equal(await print({ options: { format: 'raw' } }, 'a', Buffer.from([0xff, 0x1b]), 'b'), 'a\xff\x1bb'));
  it('have no colours, whatever is asked for', async () => {
    const { stdout } = await perform({ steps: [delivery('{"a":1}'), SETTLED] }, 'STAGE', { FORCE_COLOR: '3' });
    assert.equal(stdout.toString(), '{"a":1}\n');
  });

  it('are envelopes, one a line, as JSON', async () => {
    const lines = (await print({ options: { format: 'json' } }, 'a\nb', Buffer.from([0xff]))).split('\n');
    assert.equal(lines.length, 3);
    assert.deepEqual(
      lines.slice(0, 2).map((line) => parseEnvelope(line).body),
      [Buffer.from('a\nb'), Buffer.from([0xff])],
    );
  });

  it('carry JSON bodies as JSON when asked for', async () => {
    assert.match(await print({ options: { format: 'json' }, style: { jsonBody: true } }, '{ "a": 1 }'), /"bodyJson":\{"a":1\}\}\n$/);
  });

  it('reject alone when they cannot be an envelope', async () => {
    let deep: object = {};
    for (let level = 0; level < 70; level++) deep = { deep };
    const steps = [delivery('a', { properties: { headers: deep as never } }), SETTLED, delivery('b'), SETTLED];
    const { told, stdout } = await perform({ steps, options: { format: 'json' } });
    assert.deepEqual(told, ['rejected data', 'written', 'closed well']);
    assert.match(stdout.toString(), /"body":"b"/);
  });
});

describe('deliveries on a terminal', () => {
  const PROPERTIES = {
    contentType: 'application/json',
    deliveryMode: 2,
    timestamp: 1_700_000_000,
    expiration: '60000',
    headers: { 'x-death': [{ count: { '!': 'int64', value: 3 } }], plain: 'text' },
  } as const;
  const show = async (body: string | Buffer, more = {}, env = { NO_COLOR: '1' }): Promise<string> =>
    (await onTerminal({ steps: [delivery(body, more), SETTLED] }, env)).replaceAll('\r\n', '\n');

  it('are readable blocks', async () => {
    assert.equal(
      await show('{"a":[1]}', { exchange: 'shop', routingKey: 'order.created', redelivered: true, properties: PROPERTIES }),
      `queue           orders
exchange        shop → order.created
redelivered     yes
contentType     application/json
deliveryMode    persistent
timestamp       2023-11-14T22:13:20Z
expiration      60000 ms
header x-death  [{"count":3}]
header plain    text
size            9 B

{
  "a": [
    1
  ]
}

`,
    );
  });

  it('show JSON as it is where laying it out would change it', async () =>
    assert.match(await show('{"id":12345678901234567890}'), /\n\{"id":12345678901234567890\}\n/));

  it('show bytes that are no text as a short dump', async () => {
    const dump = await show(Buffer.alloc(300, 0xfe));
    assert.match(dump, /size {6}300 B\n\n00000000 {2}(fe ){15}fe {2}\|\.{16}\|\n/);
    assert.match(dump, /\n000000f0 .*\n… and 44 bytes more\n/);
  });

  it('have their names in colour', async () => {
    assert.match(await show('a', {}, {} as never), /\x1b\[36morders\x1b\[39m/);
    assert.ok(!(await show('a')).includes('\x1b'));
  });

  it('never make it do anything', async () => {
    const evil = 'x\x1b]0;title\x07\r\x9b31m\u202e';
    const properties = { messageId: evil, headers: { [evil]: evil, nested: [evil] } };
    for (const body of [evil, `{"a":${JSON.stringify(evil)}}`]) {
      const shown = await show(body, { queue: evil, exchange: evil, routingKey: evil, properties });
      assert.ok(!/[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]/.test(shown), JSON.stringify(shown));
      assert.match(shown, /queue .* x\\x1b\]0;title\\x07\\r\\x9b31m\\u202e\n/);
    }
  });

  it('are the bodies alone where a NUL or raw bytes are asked for', async () => {
    assert.equal(await onTerminal({ style: { nul: true }, steps: [delivery('a'), SETTLED] }), 'a\0');
    assert.equal(await onTerminal({ options: { format: 'raw' }, steps: [delivery('a\x1b[0m'), SETTLED] }), 'a\x1b[0m');
  });
});

describe('a result', () => {
  const steps = [{ report: [{ a: 1 }, 'all\x1b well'] as const }];

  it('is text, or a line of JSON when asked for', async () => {
    assert.equal((await perform({ steps })).stdout.toString(), 'all\x1b well\n');
    assert.equal((await perform({ steps, options: { format: 'json' } })).stdout.toString(), '{"a":1}\n');
  });

  it('is made harmless on a terminal', async () => assert.equal(await onTerminal({ steps }), 'all\\x1b well\r\n'));

  it('that cannot be written is known in the end', async () => {
    const counts = { published: 1, confirmed: 1, returned: 0, nacked: 0, unknown: 0 };
    const summary = [{ emit: { kind: 'published', counts, refused: 0, seconds: 1, target: undefined, confirms: true } }] as const;
    assert.equal((await perform({ steps: summary, options: { format: 'json' } }, 'STAGE >/dev/full')).told.at(-1), 'closed io');
  });
});
