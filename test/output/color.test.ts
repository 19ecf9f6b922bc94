import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { wantsColor } from '../../src/output/color.ts';
import { onTerminal, perform } from './theatre.ts';

const FAIL = [{ fail: { kind: 'io', message: 'a' } }] as const;

describe('colours', () => {
  it('are for terminals that know them', () => {
    assert.equal(wantsColor({ TERM: 'xterm' }, true, true), true);
    assert.equal(wantsColor({ TERM: 'xterm' }, true, false), false);
    assert.equal(wantsColor({ TERM: 'dumb' }, true, true), false);
  });

  it('can be refused and forced', () => {
    assert.equal(wantsColor({ NO_COLOR: '1' }, true, true), false);
    assert.equal(wantsColor({ NO_COLOR: '' }, true, true), true);
    assert.equal(wantsColor({ FORCE_COLOR: '1' }, true, false), true);
    assert.equal(wantsColor({ FORCE_COLOR: '0' }, true, true), false);
    assert.equal(wantsColor({ FORCE_COLOR: '1', NO_COLOR: '1' }, true, true), true);
    assert.equal(wantsColor({ FORCE_COLOR: '1' }, false, true), false);
  });

  it('are judged for each stream by itself', async () => {
    assert.match(await onTerminal({ steps: FAIL }), /\x1b\[31m/);
    const { stderr } = await perform({ steps: FAIL }, `script -qefc 'STAGE 2>&4' /dev/null </dev/null 4>&2`);
    assert.equal(stderr, 'error: a\n');
  });

  it('reach standard error that is no terminal when forced', async () => {
    assert.match((await perform({ steps: FAIL }, 'STAGE', { FORCE_COLOR: '1' })).stderr, /\x1b\[31m/);
  });
});
