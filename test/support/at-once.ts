import { describe, it, type TestContext } from 'node:test';

/** Most of what such a file does is waiting, for heartbeats and for time limits. */
const AT_ONCE = 4;

type Body = (t: TestContext) => Promise<void> | void;

const collected: [name: string, body: Body][] = [];

/** In place of the `test` of `node:test`: the tests of a file run several at a time. They share nothing but the broker. */
export function test(name: string, body: Body): void {
  // A suite has to know its tests when it is made: after the file was read.
  if (collected.length === 0) {
    queueMicrotask(() => {
      describe('at once', { concurrency: AT_ONCE }, () => {
        for (const [one, of] of collected.splice(0)) it(one, of);
      });
    });
  }
  collected.push([name, body]);
}
