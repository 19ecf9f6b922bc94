import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  consumed,
  type HostileClient,
  type Hostility,
  headers,
  hostileBroker,
  long,
  longlong,
  longstr,
  nested,
  octet,
  on,
  type Script,
  short,
  shortstr,
  table,
} from '../support/hostile-broker.ts';
import { inside } from '../support/inside.ts';
import type { Result } from '../support/rmq.ts';

const PUBLISH = '60.40';
const CHANNEL_OPEN = '20.10';
const CONFIRM_SELECT = '85.10';

/** Runs a command against a hostile broker; one that does not end by itself fails. */
async function run(t: Parameters<typeof hostileBroker>[0], hostility: Hostility, args: readonly string[], input = ''): Promise<Result> {
  const { url } = await hostileBroker(t, hostility);
  return inside(['-u', url, ...args], { timeout: 20_000, input });
}

function noStack({ stderr, code }: Result): void {
  assert.doesNotMatch(stderr, /\n {4}at |Maximum call stack|out of range/);
  assert.notEqual(code, 70);
  assert.notEqual(code, 134);
}

/** Leaves the requests for a channel without an answer, and acts on the first of them. */
const noChannel =
  (act: (client: HostileClient) => void): Script =>
  (client, sent) => {
    if (sent.method === CHANNEL_OPEN) act(client);
    return sent.method === CHANNEL_OPEN || sent.method === CONFIRM_SELECT;
  };

const ONCE = ['--no-reconnect'];
const TWICE = ['--max-reconnects', '1', '--reconnect-delay', '0ms..1ms'];

for (const [name, tag] of [
  ['2^63', 1n << 63n],
  ['2^64 - 1', (1n << 64n) - 1n],
  ['2^53 + 1', (1n << 53n) + 1n],
  ['0', 0n],
  ['7', 7n],
] as const) {
  for (const body of [Buffer.from('body'), Buffer.alloc(200_000)]) {
    test(`consume: a first delivery with the tag ${name} and a body of ${body.length} bytes ends the connection`, async (t) => {
      const result = await run(t, { script: consumed((client, channel) => client.deliver(channel, { tag, body })) }, ['consume', 'q', '-n', '1', ...ONCE]);
      noStack(result);
      assert.equal(result.code, 69);
      assert.match(result.stderr, /delivery tag/);
    });
  }
}

test('consume: a delivery tag that comes twice ends the connection', async (t) => {
  const twice = consumed((client, channel) => {
    client.deliver(channel, { tag: 1n });
    client.deliver(channel, { tag: 1n });
  });
  const result = await run(t, { script: twice }, ['consume', 'q', '-n', '5', ...ONCE]);
  assert.equal(result.code, 69);
  assert.match(result.stderr, /delivery tag 1 where 2 was due/);
});

for (const args of [
  ['consume', 'q'],
  ['publish', '-r', 'q', 'hello'],
]) {
  test(`${args[0]}: a broker that never answers channel.open is given up after --max-reconnects`, async (t) => {
    const broker = await hostileBroker(t, { script: noChannel(() => undefined) });
    const result = await inside([...args, ...TWICE, '--answer-timeout', '600ms', '-u', broker.url], { timeout: 20_000 });
    assert.equal(result.code, 69);
    assert.match(result.stderr, /gave up after 1 attempt/);
    assert.equal(broker.connections(), 2);
  });

  test(`${args[0]}: a broker that never answers channel.open and floods with connection.unblocked is given up too`, async (t) => {
    const flood = noChannel((client) => {
      const timer = setInterval(() => client.method(0, '10.61'), 5);
      client.socket.once('close', () => clearInterval(timer));
    });
    const result = await run(t, { script: flood }, [...args, ...TWICE, '--answer-timeout', '600ms']);
    assert.equal(result.code, 69);
    assert.match(result.stderr, /did not answer within 600 ms/);
    assert.doesNotMatch(result.stderr, /unblocked.*\n.*unblocked/);
  });
}

test('publish: a channel and its confirms are asked for at once, and a broker may answer both late', async (t) => {
  const script: Script = (client, { channel, method }) => {
    if (method === CONFIRM_SELECT) {
      client.method(channel, '20.11', longstr(''));
      client.method(channel, '85.11');
    }
    if (method === PUBLISH) client.method(channel, '60.80', longlong(1n), octet(0));
    return method === CHANNEL_OPEN || method === CONFIRM_SELECT || method === PUBLISH;
  };
  const result = await run(t, { script }, ['publish', '-q', 'q', 'hello', ...ONCE, '--answer-timeout', '5s']);
  assert.equal(result.code, 0, result.stderr);
  assert.match(result.stderr, /1 confirmed/);
});

test('publish: the answers about a channel and its confirms may come apart', async (t) => {
  const script: Script = (client, { channel, method }) => {
    if (method === CONFIRM_SELECT) setTimeout(() => client.method(channel, '85.11'), 50);
    if (method === PUBLISH) client.method(channel, '60.80', longlong(1n), octet(0));
    return method === CONFIRM_SELECT || method === PUBLISH;
  };
  const result = await run(t, { script }, ['publish', '-q', 'q', 'hello', ...ONCE]);
  assert.equal(result.code, 0, result.stderr);
});

for (const [what, answers] of [
  ['opened twice', ['20.11', '20.11']],
  ['opened, and then closed without a request', ['20.11', '20.41']],
] as const) {
  test(`publish: a channel that is ${what} ends the connection, and is no bug`, async (t) => {
    const script = on(CHANNEL_OPEN, (client, { channel }) => {
      for (const answer of answers) client.method(channel, answer, longstr(''));
    });
    const result = await run(t, { script }, ['publish', '-q', 'q', 'hello', ...ONCE]);
    noStack(result);
    assert.equal(result.code, 69, result.stderr);
  });
}

test('publish: a channel that is refused after it was opened, before its confirms, is a failure', async (t) => {
  const script: Script = (client, { channel, method }) => {
    if (method === CONFIRM_SELECT) client.method(channel, '20.40', short(540), shortstr('NOT_IMPLEMENTED'), short(85), short(10));
    return method === CONFIRM_SELECT;
  };
  const result = await run(t, { script }, ['publish', '-q', 'q', 'hello', ...ONCE]);
  noStack(result);
  assert.notEqual(result.code, 0);
  assert.match(result.stderr, /NOT_IMPLEMENTED/);
});

test('consume: a broker that cancels the subscription each time is given up after --max-reconnects', async (t) => {
  const script = consumed((client, channel) => client.method(channel, '60.30', shortstr('ctag'), octet(1)));
  const result = await run(t, { script }, ['consume', 'q', ...TWICE]);
  assert.equal(result.code, 69);
  assert.match(result.stderr, /gave up after 1 attempt/);
});

const closes = (client: HostileClient, channel: number): void => client.method(channel, '20.40', short(541), shortstr('INTERNAL_ERROR'), short(60), short(20));

test('consume: a broker that closes the channel each time is given up after --max-reconnects', async (t) => {
  const result = await run(t, { script: consumed(closes) }, ['consume', 'q', ...TWICE]);
  assert.equal(result.code, 69);
  assert.match(result.stderr, /gave up after 1 attempt/);
});

test('publish: a broker that closes the channel at each message is given up after --max-reconnects', async (t) => {
  const script: Script = (client, { method, channel }) => {
    if (method === PUBLISH) closes(client, channel);
    return undefined;
  };
  const result = await run(t, { script }, ['publish', '-r', 'q', 'hello', ...TWICE]);
  assert.equal(result.code, 69);
  assert.match(result.stderr, /unknown/);
});

for (const [name, tag, multiple] of [
  ['of one message that was never sent', 2n, 0],
  ['of all up to one that was never sent', 5n, 1],
  ['of all up to 2^63', 1n << 63n, 1],
  ['of the message 2^31', 1n << 31n, 0],
  ['of the message 0', 0n, 0],
] as const) {
  for (const method of ['60.80', '60.120']) {
    test(`publish: a ${method === '60.80' ? 'confirm' : 'nack'} ${name} says nothing about the one that was`, async (t) => {
      const script: Script = (client, sent) => {
        if (sent.method === PUBLISH) client.method(sent.channel, method, longlong(tag), octet(multiple));
        return undefined;
      };
      const result = await run(t, { script }, ['publish', '-r', 'q', 'hello', '--json', ...ONCE]);
      noStack(result);
      assert.equal(result.code, 69);
      assert.match(result.stderr, /message .* never sent/);
      const { confirmed, nacked, unknown } = JSON.parse(result.stdout) as Record<string, number>;
      assert.deepEqual({ confirmed, nacked, unknown }, { confirmed: 0, nacked: 0, unknown: 1 });
    });
  }
}

test('consume: a body that is announced as 2 GB is not waited for, nor kept', async (t) => {
  const script = consumed((client, channel) => client.deliver(channel, { tag: 1n, size: 2_000_000_000n, body: Buffer.alloc(1_000_000) }));
  const result = await run(t, { script }, ['consume', 'q', '-n', '1']);
  assert.equal(result.code, 76);
  assert.match(result.stderr, /message of 1\.9 GiB; at most 128 MiB/);
  assert.match(result.stderr, /--max-message-size/);
});

test('consume: a body whose parts are empty ends its connection: it would never be whole', async (t) => {
  const script = consumed((client, channel) => {
    client.deliver(channel, { tag: 1n, size: 10n, body: Buffer.from('five ') });
    client.frame(3, channel, Buffer.alloc(0));
  });
  const result = await run(t, { script }, ['consume', 'q', '-n', '1', ...TWICE]);
  assert.equal(result.code, 69);
  assert.match(result.stderr, /broke the rules of AMQP 0-9-1: it sent a part of a body that is empty/);
});

test('consume: --max-message-size says how much is too much', async (t) => {
  const deliver = (size: number) => ({ script: consumed((client, channel) => client.deliver(channel, { tag: 1n, body: Buffer.alloc(size) })) });
  const limit = ['consume', 'q', '-n', '1', '--no-ack', '-o', 'raw', '--max-message-size', '64kb'];
  const fits = await run(t, deliver(65_536), limit);
  assert.deepEqual([fits.code, fits.output.length], [0, 65_536]);
  const small = await run(t, deliver(65_537), limit);
  assert.equal(small.code, 76);
  assert.match(small.stderr, /--max-message-size/);
});

for (const [name, greeting] of [
  ['nests 20,000 levels deep', Buffer.concat([longstr(nested(20_000)), longstr('PLAIN'), longstr('en_US')])],
  ['is cut off', Buffer.concat([long(2_000), Buffer.from('\x07version')])],
  ['holds a field of an unknown type', Buffer.concat([table(Buffer.concat([shortstr('a'), Buffer.from('?')])), longstr('PLAIN'), longstr('en_US')])],
] as const) {
  test(`a greeting that ${name} is told as what it is`, async (t) => {
    const result = await run(t, { greeting }, ['publish', '-r', 'q', 'hello']);
    noStack(result);
    assert.equal(result.code, 69);
    assert.match(result.stderr, /does not speak AMQP 0-9-1 properly/);
  });
}

test('what the broker did not say is not told as its words', async (t) => {
  const script = consumed((client, channel) => client.frame(3, channel, Buffer.from('a body without a delivery')));
  const result = await run(t, { script }, ['consume', 'q', '-n', '1', ...ONCE]);
  noStack(result);
  assert.equal(result.code, 69);
  assert.doesNotMatch(result.stderr, /the broker says/);
  assert.match(result.stderr, /broke the rules of AMQP 0-9-1/);
});

const refusing = (code: number, words: string) => on(PUBLISH, (client) => client.method(0, '10.50', short(code), shortstr(words), short(0), short(0)));
for (const [what, args, hostility] of [
  ['a frame that the broker cannot read', ['publish', '-r', 'q', 'x'], { script: refusing(501, 'FRAME_ERROR - type 90, all octets = <<>>: unknown_frame') }],
  ['a frame that the broker does not expect', ['publish', '-r', 'q', 'x'], { script: refusing(505, 'UNEXPECTED_FRAME - expected content body') }],
  [
    'an answer to what was never delivered',
    ['consume', 'q', '-n', '1'],
    {
      script: consumed((client, channel) =>
        client.method(channel, '20.40', short(406), shortstr('PRECONDITION_FAILED - unknown delivery tag 33556619'), short(60), short(80)),
      ),
    },
  ],
  [
    'a size that no message has',
    ['consume', 'q', '-n', '1'],
    { script: consumed((client, channel) => client.deliver(channel, { tag: 1n, size: 1n << 60n, body: Buffer.alloc(10) })) },
  ],
  [
    'properties that are none',
    ['consume', 'q', '-n', '1', '-o', 'json'],
    { script: consumed((client, channel) => client.deliver(channel, { tag: 1n, properties: Buffer.concat([short(0x2000), long(9_999)]) })) },
  ],
] as const) {
  test(`${what}: bytes were changed on their way, which is exit 69 and said`, async (t) => {
    const result = await run(t, hostility, [...args, ...TWICE]);
    noStack(result);
    assert.equal(result.code, 69, result.stderr);
    assert.match(result.stderr, /is a proxy in between/);
  });
}

test('a frame that cannot be read, behind deliveries that are still to be acknowledged, loses the connection and no more', async (t) => {
  const script = consumed((client, channel) => {
    for (let tag = 1n; tag <= 50n; tag++) client.deliver(channel, { tag });
    client.method(999, '60.60', shortstr('ctag'), longlong(51n), octet(0), shortstr(''), shortstr('q'));
  });
  const result = await run(t, { script }, ['consume', 'q', '--prefetch', '100', ...TWICE]);
  noStack(result);
  assert.equal(result.code, 69, result.stderr);
  assert.match(result.stderr, /100 unknown/);
});

test('headers that are no table do not end in a stack trace', async (t) => {
  for (const properties of [
    Buffer.concat([short(0x2000), long(9_999)]),
    headers(Buffer.from('\xff')),
    headers(Buffer.concat([shortstr('a'), Buffer.from('S'), long(4_000_000_000)])),
    headers(Buffer.concat([shortstr('a'), Buffer.from('?')])),
    Buffer.from([0x80]),
  ]) {
    const result = await run(t, { script: consumed((client, channel) => client.deliver(channel, { tag: 1n, properties })) }, [
      'consume',
      'q',
      '-n',
      '1',
      '--no-ack',
      '-o',
      'json',
      ...ONCE,
    ]);
    noStack(result);
    assert.notEqual(result.stdout + result.stderr, '');
  }
});

test('work run: a broker that delivers beyond the prefetch is given up before it fills the memory', async (t) => {
  const script = consumed((client, channel) => {
    for (let tag = 1n; tag <= 200n; tag++) client.deliver(channel, { tag });
  });
  const result = await run(t, { script }, ['work', 'run', 'q', '--drop-dead', '--grace', '100ms', ...ONCE, '--', 'sleep', '30']);
  noStack(result);
  assert.equal(result.code, 69);
  assert.match(result.stderr, /delivered message 2 although the prefetch ends at 1/);
});

test('publish: a broker that returns what was never sent is given up, and nothing counts as returned', async (t) => {
  const script: Script = (client, { method, channel }) => {
    if (method !== PUBLISH) return undefined;
    client.method(channel, '60.50', short(312), shortstr('NO_ROUTE'), shortstr(''), shortstr('elsewhere'));
    client.frame(2, channel, Buffer.concat([short(60), short(0), longlong(0n), short(0)]));
    client.method(channel, '60.80', longlong(1n), octet(0));
    return true;
  };
  const result = await run(t, { script }, ['publish', '-r', 'q', 'hello', '--json', ...ONCE]);
  noStack(result);
  assert.equal(result.code, 69);
  const { published, confirmed, returned, unknown } = JSON.parse(result.stdout) as Record<string, number>;
  assert.deepEqual({ published, confirmed, returned, unknown }, { published: 1, confirmed: 0, returned: 0, unknown: 1 });
});

test('a stream that has messages and delivers none is not taken for an empty one', async (t) => {
  const result = await run(t, {}, ['dlx', 'inspect', 'q', '--answer-timeout', '600ms', ...ONCE]);
  assert.equal(result.code, 69);
  assert.match(result.stderr, /has messages and delivered none/);
});

for (const [name, pause] of [
  ['', 0],
  [', now and then', 150],
] as const) {
  test(`publish: a broker that blocks and unblocks for ever${name}, and confirms nothing, is given up, and does not fill the log`, async (t) => {
    const script: Script = (client, { method }) => {
      if (method !== PUBLISH) return undefined;
      let blocked = false;
      const timer = setInterval(() => {
        blocked = !blocked;
        if (blocked || pause > 0) client.method(0, blocked ? '10.60' : '10.61', ...(blocked ? [shortstr('memory')] : []));
        if (pause === 0) client.method(0, '10.61');
      }, pause);
      client.socket.once('close', () => clearInterval(timer));
      return true;
    };
    const result = await run(t, { script }, ['publish', '-r', 'q', 'hello', '--confirm-timeout', '3s', '--blocked-timeout', '1s', ...ONCE]);
    noStack(result);
    assert.equal(result.code, 75);
    assert.ok(result.stderr.split('\n').length < 30, result.stderr);
  });
}
