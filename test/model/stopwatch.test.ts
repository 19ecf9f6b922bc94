import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Stopwatch } from '../../src/model/stopwatch.ts';

test('percentiles are exact to half a percent, and the maximum is exact', () => {
  const stopwatch = new Stopwatch();
  // 0.1 ms, 0.2 ms … 1,000 ms, in no particular order.
  for (let index = 1; index <= 10_000; index++) stopwatch.add(((index * 7_919) % 10_000 || 10_000) / 10);
  const { p50, p99, max } = stopwatch.roundTrips ?? assert.fail('there are round trips');
  assert.ok(Math.abs(p50 / 500 - 1) <= 0.005, `p50 ${p50}`);
  assert.ok(Math.abs(p99 / 990 - 1) <= 0.005, `p99 ${p99}`);
  assert.equal(max, 1_000);
});

test('one round trip is all of its percentiles, and none has none', () => {
  assert.equal(new Stopwatch().roundTrips, undefined);
  const stopwatch = new Stopwatch();
  stopwatch.add(3);
  const { p50, p99, max } = stopwatch.roundTrips ?? assert.fail('there is one');
  for (const percentile of [p50, p99]) assert.ok(Math.abs(percentile / 3 - 1) <= 0.005);
  assert.equal(max, 3);
  stopwatch.add(0);
  assert.equal(stopwatch.roundTrips?.max, 3);
});
