import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { delivery, perform } from './theatre.ts';

const WAITING = [delivery('first'), { settled: true }, { untilBroken: 20_000 }] as const;

describe('the reader of standard output', { concurrency: 4 }, () => {
  it('is missed as soon as it goes away, with nothing to write', { skip: process.platform !== 'linux' && 'noticed by the next write only' }, async () => {
    const { stdout, told, milliseconds } = await perform({ steps: WAITING }, 'STAGE | head -1');
    assert.equal(stdout.toString(), 'first\n');
    assert.deepEqual(told, ['written', 'broken closed: the reader of standard output went away', 'closed closed']);
    assert.ok(milliseconds < 15_000, `took ${milliseconds} ms`);
  });

  it('is not missed while it is there and says nothing', async () => {
    const { told } = await perform({ steps: [delivery('first'), { settled: true }, { untilBroken: 1_500 }] }, 'STAGE | cat');
    assert.deepEqual(told, ['written', 'closed well']);
  });

  it('does not keep the process alive by being watched', async () => {
    const { stdout, told, code } = await perform({ steps: [delivery('first'), { settled: true }], end: 'abandon' }, 'timeout 10 STAGE | cat');
    assert.deepEqual([stdout.toString(), told, code], ['first\n', ['written'], 0]);
  });

  it('leaves the pipe blocking for whoever shares it', async () => {
    const check = `python3 -c 'import os, sys; sys.stderr.write(str(os.get_blocking(1)))'`;
    const { stderr } = await perform({ steps: [delivery('first'), { sleep: 1_500 }] }, `(STAGE & sleep 1.2; ${check}; wait) | cat`);
    assert.equal(stderr, 'True');
  });

  for (const [what, shell] of [
    ['a file', 'STAGE'],
    ['/dev/null', 'STAGE >/dev/null'],
    [
      'a socket',
      `"$NODE" -e 'require("child_process").spawn("bash", ["-c", process.argv[1]], { stdio: ["ignore", "pipe", "inherit"] }).stdout.resume()' 'STAGE'`,
    ],
    ['a terminal', `script -qefc 'STAGE' /dev/null </dev/null`],
  ] as const) {
    it(`is nobody to be watched with ${what}`, async () => {
      assert.deepEqual((await perform({ steps: [delivery('first'), { settled: true }, { sleep: 300 }] }, shell)).told, ['written', 'closed well']);
    });
  }
});
