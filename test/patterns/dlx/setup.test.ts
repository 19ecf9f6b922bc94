import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DlxSetupConfig } from '../../../src/patterns/dlx/setup/config.ts';
import { planQueue } from '../../../src/patterns/dlx/setup/plan.ts';
import { setupTopology } from '../../../src/patterns/dlx/setup/topology.ts';

test('each rung of a ladder gives its messages back with the key of the next one, the last with the key of the dead letters', () => {
  const { behind, queue, back } = setupTopology(DlxSetupConfig.parse({ queue: 'q', retry: [10_000, 60_000, 5_400_000] }));
  const name = 'q.retry.10s-1m-90m';
  assert.deepEqual(queue.arguments, { 'x-queue-type': 'classic', 'x-dead-letter-exchange': name });
  const rungs = behind.queues.filter((one) => one.name.startsWith(name));
  assert.deepEqual(
    rungs.map((one) => [one.name, one.arguments['x-message-ttl'], one.arguments['x-dead-letter-routing-key']]),
    [
      [`${name}.1`, 10_000, `${name}.2`],
      [`${name}.2`, 60_000, `${name}.3`],
      [`${name}.3`, 5_400_000, 'failed'],
    ],
  );
  const from = (exchange: string): unknown[] => [...behind.bindings, ...back].filter((one) => one.exchange === exchange).map((one) => [one.key, one.queue]);
  assert.deepEqual(from(name), [
    [`${name}.2`, `${name}.2`],
    [`${name}.3`, `${name}.3`],
    ['failed', 'dead.letters'],
  ]);
  assert.deepEqual(from(`${name}.back`), [
    [`${name}.2`, 'q'],
    [`${name}.3`, 'q'],
    ['failed', 'q'],
  ]);
});

test('two ladders of one queue share no name, and a name that is too long is refused', () => {
  const names = (retry: number[]): string[] => {
    const { behind } = setupTopology(DlxSetupConfig.parse({ queue: 'q', retry }));
    return [...behind.exchanges, ...behind.queues].map(({ name }) => name).filter((name) => name.startsWith('q.'));
  };
  const first = new Set(names([10_000, 60_000]));
  assert.deepEqual(
    names([10_000, 60_001]).filter((name) => first.has(name)),
    [],
  );
  assert.throws(() => setupTopology(DlxSetupConfig.parse({ queue: 'q'.repeat(245), retry: [1_000] })), { kind: 'usage' });
});

test('a policy sets no TTL and no length that nobody asked for', () => {
  const policy = (given: object): object => setupTopology(DlxSetupConfig.parse({ queue: 'q', policy: true, ...given })).policy;
  assert.deepEqual(policy({}), { 'dead-letter-exchange': 'dlx', 'dead-letter-routing-key': 'failed' });
  assert.deepEqual(policy({ messageTtl: 5_000 }), { 'dead-letter-exchange': 'dlx', 'dead-letter-routing-key': 'failed', 'message-ttl': 5_000 });
});

test('what is not told of a queue is no difference; what is known not to be set is one', () => {
  const spec = {
    name: 'q',
    durable: true,
    arguments: { 'x-queue-type': 'quorum', 'x-overflow': 'reject-publish', 'x-message-ttl': 5 },
    required: ['x-overflow'],
  };
  const theirs = { 'x-queue-type': 'quorum' };
  assert.equal(planQueue(spec, undefined, []).action, 'create');
  assert.deepEqual(planQueue(spec, { arguments: theirs, complete: false }, []), {
    kind: 'queue',
    name: 'q',
    arguments: spec.arguments,
    action: 'keep',
    differences: [{ argument: 'x-message-ttl', theirs: null, ours: 5 }],
  });
  const whole = planQueue(spec, { arguments: theirs, complete: true }, []);
  assert.deepEqual([whole.action, whole.differences], ['conflict', [{ argument: 'x-overflow', theirs: null, ours: 'reject-publish' }]]);
  assert.equal(planQueue(spec, { arguments: {}, complete: false }, ['x-dead-letter-routing-key']).action, 'keep');
});
