import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ownBroker, untilKept } from '../support/own-broker.ts';

const TOTAL = 20_000;

interface Told {
  readonly [name: string]: unknown;
}

/** The service as a process, and what it tells, a line each. */
function start(...args: string[]): {
  readonly child: ChildProcess;
  readonly until: (isIt: (line: Told) => boolean) => Promise<Told>;
  readonly lines: readonly Told[];
} {
  const child = spawn(process.execPath, ['--import', 'tsx', fileURLToPath(new URL('service.ts', import.meta.url)), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: Told[] = [];
  child.setMaxListeners(0);
  const watchers = new Set<() => void>();
  const reader = createInterface({ input: child.stdout });
  reader.on('line', (line) => {
    lines.push(JSON.parse(line));
    for (const watch of watchers) watch();
  });
  const until = (isIt: (line: Told) => boolean): Promise<Told> =>
    new Promise((resolve, reject) => {
      const watch = (): void => {
        const found = lines.find(isIt);
        if (found === undefined) return;
        watchers.delete(watch);
        resolve(found);
      };
      child.once('exit', (code, signal) => reject(new Error(`the service ended with ${code ?? signal}: ${JSON.stringify(lines.slice(-3))}`)));
      watchers.add(watch);
      watch();
    });
  return { child, until, lines };
}

test('a service loses nothing over restarts of its broker, tells the truth about them, and SIGTERM ends it with 0', async (t) => {
  const broker = await ownBroker(t);
  const { child, until, lines } = start(broker.url, 'numbers', String(TOTAL));
  t.after(() => child.kill('SIGKILL'));
  const asked = async (isIt: (states: readonly string[]) => boolean): Promise<void> => {
    const before = lines.length;
    child.kill('SIGUSR2');
    const { status } = await until((line) => lines.indexOf(line) >= before && 'status' in line);
    if (isIt((status as { state: string }[]).map(({ state }) => state))) return;
    await pause(50);
    await asked(isIt);
  };
  for (const published of [TOTAL / 4, TOTAL / 2]) {
    await until((line) => line['published'] === published);
    const [node] = broker.nodes;
    // The queue has just been declared: a broker that is killed at once forgets it.
    await untilKept(broker);
    await node.kill();
    await asked((states) => states.length === 2 && states.every((state) => state === 'reconnecting'));
    await node.restart();
    await asked((states) => states.length === 2 && states.every((state) => state === 'connected'));
  }
  await until((line) => line['published'] === TOTAL);
  await until((line) => line['seen'] === TOTAL);
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  assert.deepEqual(await ended, [0, null]);
  assert.deepEqual(
    lines.find(({ stopping }) => stopping !== undefined),
    { stopping: ['connected', 'connected'] },
  );
  const { seen, status } = lines.at(-1) as { seen: number; status: unknown[] };
  assert.deepEqual([seen, status], [TOTAL, []]);

  await t.test('one whose broker is away ends with 0 on SIGTERM too', async () => {
    const other = start(broker.url, 'others', '500');
    t.after(() => other.child.kill('SIGKILL'));
    await other.until((line) => line['published'] === 500);
    await broker.stop();
    await other.until((line) => line['kind'] === 'disconnected');
    const over = once(other.child, 'exit');
    other.child.kill('SIGTERM');
    assert.deepEqual(await over, [0, null]);
  });
});
