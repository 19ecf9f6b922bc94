import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Step } from './play.ts';
import { delivery, onTerminal, perform } from './theatre.ts';

const publishing = (published: number): Step => ({ emit: { kind: 'publishing', counts: { published, confirmed: 0, returned: 0, nacked: 0, unknown: 0 } } });
const LONG = [publishing(1), { sleep: 700 }, publishing(1_234), { sleep: 400 }] as const;
const NOTE: Step = { emit: { kind: 'note', text: 'noted' } };

describe('the progress line', { concurrency: 4 }, () => {
  it('shows count and rate after half a second', async () => assert.match(await onTerminal({ steps: LONG }), /publishing 1,234 messages, [\d,]+\/s/));
  it('stays away from a run that is over sooner', async () => assert.equal(await onTerminal({ steps: [publishing(1), { sleep: 200 }, NOTE] }), 'noted\r\n'));
  it('stays away when quiet', async () => assert.equal(await onTerminal({ steps: LONG, options: { quiet: true } }), ''));
  it('stays away from CI', async () => assert.equal(await onTerminal({ steps: LONG }, { CI: 'true' }), ''));
  it('stays away from a dumb terminal', async () => assert.equal(await onTerminal({ steps: LONG }, { TERM: 'dumb' }), ''));
  it('stays away from a file', async () => assert.equal((await perform({ steps: LONG })).stderr, ''));

  it('stays away from a terminal that does not know its width', async () => {
    const { stdout } = await perform({ steps: LONG }, `script -qefc 'stty cols 0; STAGE' /dev/null </dev/null`);
    assert.equal(stdout.toString(), '');
  });

  for (const [what, step] of [
    ['a remark', NOTE],
    ['a failure', { fail: { kind: 'io', message: 'noted' } }],
    ['a result', { report: [{}, 'noted'] }],
    ['a message', delivery('noted', { queue: 'noted' })],
  ] as const) {
    it(`makes way for ${what}`, async () => {
      const shown = await onTerminal({ steps: [...LONG, step, { settled: true }] }, { NO_COLOR: '1' });
      const [before = '', after = ''] = shown.split(/noted\r\n/);
      assert.match(before, /publishing/);
      // The last thing before is the line cleared: to column 1, erase.
      assert.match(before.slice(before.lastIndexOf('publishing')), /^[^\r\n]*\x1b\[1G\x1b\[0K(error: |queue {5})?$/);
      assert.ok(!after.includes('publishing 1,2') || after.includes('\x1b[0K'));
    });
  }

  it('stays away as long as a message is being written', async () => {
    const shown = await onTerminal({ options: { format: 'raw' }, steps: [...LONG, delivery('x'.repeat(20_000_000)), { settled: true }] });
    assert.ok(shown.includes('x'.repeat(20_000_000)));
  });

  it('keeps no process alive', async () => {
    const { code } = await perform({ steps: LONG, end: 'abandon' }, `timeout 10 script -qefc 'stty cols 100; STAGE' /dev/null </dev/null`);
    assert.equal(code, 0);
  });

  it('is gone in the end', async () => {
    const shown = await onTerminal({ steps: LONG });
    assert.match(shown.slice(shown.lastIndexOf('publishing')), /\x1b\[1G\x1b\[0K$/);
  });

  it('leaves standard input to the messages', async () => {
    const { told } = await perform(
      { steps: LONG },
      `script -qefc 'stty cols 100; STAGE; read -r line; echo "$line" >&5' /dev/null 5>>"$TOLD" < <(sleep 0.5; echo typed; sleep 2)`,
    );
    assert.deepEqual(told, ['closed well', 'typed']);
  });
});
