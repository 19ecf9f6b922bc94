import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { brokerUrl } from '../support/broker.ts';
import { campaign, isClean, report } from './campaign.ts';
import { faults } from './faults/index.ts';
import { stopNodes } from './nodes.ts';

const SEED = 1;
const MESSAGES = 300;
/** Most rounds wait for something most of the time. */
const JOBS = 6;

before(() => void brokerUrl());
after(stopNodes);

test('a few rounds of each fault that is quick: nothing is lost or untrue, and nothing hangs', { timeout: 600_000 }, async (t) => {
  const rows = await campaign({ faults, rounds: ({ short = 0 }) => short, seed: SEED, messages: MESSAGES, jobs: JOBS, say: (text) => t.diagnostic(text) });
  assert.ok(rows.every(isClean), report(rows, SEED));
});
