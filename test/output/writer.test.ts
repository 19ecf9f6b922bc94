import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { delivery, perform } from './theatre.ts';

const LARGE = Buffer.alloc(3_000_000, 'x');

describe('results on standard output', { concurrency: 4 }, () => {
  it('are whole and in order, through a pipe whose reader is slow', async () => {
    const steps = [delivery('a'), delivery(LARGE), delivery('é'.repeat(50_000)), delivery('z'), { settled: true } as const];
    const { stdout, told } = await perform({ steps }, 'STAGE | (sleep 1; cat)');
    assert.deepEqual(told, ['written', 'closed well']);
    assert.ok(stdout.equals(Buffer.from(`a\n${LARGE}\n${'é'.repeat(50_000)}\nz\n`)));
  });

  it('are whole where the pipe was made non-blocking by somebody else', async () => {
    const unblock = `python3 -c 'import os; os.set_blocking(1, False)'`;
    const { stdout, told } = await perform({ steps: [delivery(LARGE), { settled: true }] }, `(${unblock}; STAGE) | (sleep 0.7; cat)`);
    assert.deepEqual(told, ['written', 'closed well']);
    assert.equal(stdout.length, LARGE.length + 1);
  });

  it('are whole in a socket that was made non-blocking, while the reader is slow', async () => {
    const parent =
      'const { stdout } = require("child_process").spawn("bash", ["-c", process.argv[1]], { stdio: ["ignore", "pipe", "inherit"] }); setTimeout(() => stdout.pipe(process.stdout), 700)';
    const { stdout, told } = await perform(
      { steps: [delivery(LARGE), { settled: true }] },
      `"$NODE" -e '${parent}' 'python3 -c "import os; os.set_blocking(1, False)"; STAGE'`,
    );
    assert.deepEqual(told, ['written', 'closed well']);
    assert.equal(stdout.length, LARGE.length + 1);
  });

  it('are whole in a file, however many', async () => {
    const { stdout, told } = await perform({ steps: [{ ...delivery('0123456789'), times: 100_000 }, { settled: true }] });
    assert.deepEqual(told, ['written', 'closed well']);
    assert.ok(stdout.equals(Buffer.from('0123456789\n'.repeat(100_000))));
  });

  it('are whole once the output is closed', async () => {
    assert.equal((await perform({ steps: [delivery(LARGE)], end: 'leave' }, 'STAGE | (sleep 0.5; cat)')).stdout.length, LARGE.length + 1);
  });

  it('count as written only once the reader has made room for them', async () => {
    const steps = [delivery(LARGE), { sleep: 300 } as const, delivery('later'), { settled: true } as const];
    const { told, milliseconds } = await perform({ steps }, 'STAGE | (sleep 3; cat)');
    assert.deepEqual(told, ['written', 'closed well']);
    assert.ok(milliseconds > 3_000);
  });

  it('do not hold up an exit while their reader sleeps', async () => {
    const { milliseconds, code } = await perform(
      { steps: [delivery(LARGE), { sleep: 200 }, { exit: 7 }] },
      '(STAGE; echo $? >&2; kill $(cat "$OUT")) | (echo $BASHPID >"$OUT"; exec sleep 20)',
    );
    assert.ok(milliseconds < 15_000, `took ${milliseconds} ms`);
    assert.notEqual(code, 0);
  });

  for (const [what, shell, told] of [
    ['a full disk', 'STAGE >/dev/full', ['broken io: cannot write to standard output: the disk is full', 'rejected io', 'rejected io', 'closed io']],
    [
      'a descriptor for reading only',
      'STAGE 1</dev/null',
      ['broken io: cannot write to standard output: it is closed', 'rejected io', 'rejected io', 'closed io'],
    ],
    [
      'a reader that went away',
      'STAGE | true',
      ['broken closed: the reader of standard output went away', 'rejected closed', 'rejected closed', 'closed closed'],
    ],
  ] as const) {
    it(`reject, and are never written again, with ${what}`, async () => {
      const steps = [{ sleep: 100 }, delivery('a'), { settled: true }, delivery('b'), { settled: true }] as const;
      assert.deepEqual((await perform({ steps }, shell)).told, told);
    });
  }

  it('reject when the reader goes away in the middle of a write', async () => {
    const { told } = await perform({ steps: [delivery(LARGE), { settled: true }] }, 'STAGE | head -c 10');
    assert.deepEqual(told, ['broken closed: the reader of standard output went away', 'rejected closed', 'closed closed']);
  });

  it('leave no rejection unhandled when nobody waits for them', async () => {
    const steps = [delivery('a'), { sleep: 100 }, delivery('b'), { sleep: 100 }] as const;
    assert.deepEqual((await perform({ steps }, 'STAGE >/dev/full')).told, ['broken io: cannot write to standard output: the disk is full', 'closed io']);
  });
});
