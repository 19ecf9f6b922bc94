import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Event } from '../../src/model/event.ts';
import { Failure } from '../../src/model/failure.ts';
import { remarkOn } from '../../src/output/event.ts';
import type { Step } from './play.ts';
import { onTerminal, perform } from './theatre.ts';

const PUBLISHED = { published: 3, confirmed: 3, returned: 0, nacked: 0, unknown: 0 };
const CONSUMED = { received: 7, acknowledged: 5, rejected: 1, requeued: 1, unknown: 0, returned: 2 };
const emit = (...events: Event[]): Step[] => events.map((event) => ({ emit: event }));
const returned: Event = { kind: 'returned', exchange: 'shop', routingKey: 'nobody', messageId: 'm1', reply: 'NO_ROUTE' };
const published: Event = { kind: 'published', counts: PUBLISHED, refused: 0, seconds: 0.123, target: 'queue "orders"', confirms: true };
const consumed: Event = { kind: 'consumed', counts: CONSUMED, seconds: 0.1, queue: 'orders' };
const chatter = emit(
  { kind: 'connecting', role: 'consumer', address: 'a:5672' },
  { kind: 'connected', role: 'consumer', address: 'a:5672', broker: '4.1.0' },
  { kind: 'detail', text: 'broker URL from RMQ_URL' },
);

const said = async (steps: readonly Step[], options = {}): Promise<string> => (await perform({ steps, options })).stderr;

describe('what is said on standard error', () => {
  it('is a line for each thing that matters', async () => {
    const steps: Step[] = [
      { emit: { kind: 'disconnected', role: 'consumer', failed: 'heartbeat missed' } },
      ...emit(
        { kind: 'blocked', role: 'publisher', reason: 'low on memory' },
        { kind: 'unblocked', role: 'publisher' },
        returned,
        { kind: 'nacked', exchange: '', routingKey: 'orders', messageId: undefined },
        { kind: 'cancelled', queue: 'orders' },
        { kind: 'note', text: 'first\nsecond' },
      ),
    ];
    assert.equal(
      await said(steps),
      `warning: lost the consumer connection: heartbeat missed
warning: the broker blocks publishers, because of a memory or disk alarm: low on memory; waiting until it lifts or --blocked-timeout passes
the broker accepts messages again
warning: a message (id "m1") was returned: no queue is bound to exchange "shop" for key "nobody" (NO_ROUTE)
warning: a message to queue "orders" was refused by the broker (nack)
warning: the broker cancelled the consumer of "orders": the queue was deleted or its node went away
first
  second
`,
    );
  });

  it('leaves out details unless they are asked for', async () => {
    assert.equal(await said(chatter), '');
    assert.equal(
      await said(chatter, { verbose: true }),
      'connecting to a:5672 (consumer)\nconnected to a:5672 (consumer), broker version 4.1.0\nbroker URL from RMQ_URL\n',
    );
  });

  it('is nothing at all when quiet', async () => {
    assert.equal(await said(emit(returned, published, consumed, { kind: 'note', text: 'a' }), { quiet: true }), '');
  });

  it('names the first ten messages of a kind and then only counts', async () => {
    const lines = (await said(emit(...Array.from({ length: 30 }, () => returned), { kind: 'nacked', exchange: 'e', routingKey: 'k', messageId: 'm2' })))
      .trimEnd()
      .split('\n');
    assert.equal(lines.length, 12);
    assert.equal(lines[9], lines[0]);
    assert.equal(lines[10], 'warning: further messages that are returned are only counted');
    assert.match(lines[11] ?? '', /"m2".*nack/);
  });

  it('says of an attempt to connect how long there has been none, and of one of many only when asked for details', () => {
    const failure = new Failure('unavailable', 'nothing is listening there');
    const attempt = { kind: 'reconnecting', role: 'consumer', attempt: 9, delay: 8_000, since: 120_000, repeated: false, failure } as const;
    const text = 'consumer connection: without success for 2 min; attempt 9 in 8 s: nothing is listening there';
    assert.deepEqual(remarkOn(attempt), { weight: 'warning', text });
    assert.deepEqual(remarkOn({ ...attempt, repeated: true }), { weight: 'detail', text });
    const first = { weight: 'warning', text: 'consumer connection: attempt 1 now: nothing is listening there' };
    assert.deepEqual(remarkOn({ ...attempt, attempt: 1, delay: 0, since: 0 }), first);
  });

  it('sums up what was published', async () => {
    assert.equal(await said(emit(published)), 'published 3 messages to queue "orders": 3 confirmed, in 0.1 s\n');
    const counts = { published: 1_234, confirmed: 1_200, returned: 30, nacked: 3, unknown: 1 };
    assert.equal(
      await said(emit({ ...published, counts, seconds: 75 })),
      'published 1,234 messages to queue "orders": 1,200 confirmed, 30 returned, 3 nacked, 1 unknown, in 1 min 15 s\n',
    );
    assert.equal(
      await said(emit({ ...published, counts, refused: 2 })),
      'published 1,232 of 1,234 messages to queue "orders": 1,200 confirmed, 30 returned, 1 nacked, 2 refused, 1 unknown, in 0.1 s\n',
    );
  });

  it('sums up what was consumed', async () => {
    assert.equal(await said(emit(consumed)), 'consumed 7 messages from "orders" in 0.1 s: 5 acknowledged, 1 rejected, 1 requeued, 2 returned unseen\n');
  });

  it('leaves the summary of publishing to standard output as JSON', async () => {
    const { stdout, stderr } = await perform({ steps: emit(published), options: { format: 'json', quiet: true } });
    assert.deepEqual(JSON.parse(stdout.toString()), { ...PUBLISHED, seconds: 0.123 });
    assert.equal(stderr, '');
    assert.equal((await perform({ steps: emit(consumed), options: { format: 'json' } })).stdout.toString(), '');
  });

  it('never makes a terminal do anything but show colours', async () => {
    const shown = await onTerminal({ steps: emit({ ...returned, routingKey: 'x\x1b[2J\x07\u202e', reply: '\x9bm' }) });
    assert.equal(
      shown,
      '\x1b[33mwarning:\x1b[39m a message (id "m1") was returned: no queue is bound to exchange "shop" for key "x\\x1b[2J\\x07\\u202e" (\\x9bm)\r\n',
    );
  });

  it('does no harm when standard error is closed, full or gone', async () => {
    for (const shell of ['STAGE 2>&-', 'STAGE 2>/dev/full', '{ STAGE 2>&1 >&4 | true; } 4>&1']) {
      const { told, code } = await perform({ steps: [{ sleep: 100 }, ...emit(published, consumed)] }, shell);
      assert.deepEqual([told, code], [['closed well'], 0], shell);
    }
  });

  it('is whole when its pipe was made non-blocking and the reader is slow', async () => {
    const notes = emit(...Array.from({ length: 2_000 }, (): Event => ({ kind: 'note', text: 'x'.repeat(99) })));
    const unblock = `python3 -c 'import os; os.set_blocking(2, False)'`;
    const { stdout } = await perform({ steps: notes }, `(${unblock}; STAGE) 2>&1 | (sleep 0.5; cat)`);
    assert.equal(stdout.toString(), `${'x'.repeat(99)}\n`.repeat(2_000));
  });
});
