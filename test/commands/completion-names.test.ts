import assert from 'node:assert/strict';
import { chmod, chown, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { SHELLS } from '../../src/commands/completion/shell.ts';
import { brokerUrl, peer } from '../support/broker.ts';
import { inside } from '../support/inside.ts';
import { scratchDirectory } from '../support/programs.ts';
import type { Result } from '../support/rmq.ts';
import { complete, isOnPath } from '../support/shells.ts';

const ASK = ['completion', '--names', 'queue'];

/** A machine that is busy may need longer for an answer than anybody waits for one. */
async function untilAnswered(env: Readonly<Record<string, string>>, args: readonly string[] = ASK): Promise<Result> {
  for (let tries = 0; tries < 40; tries++) {
    const result = await inside(args, { env });
    assert.deepEqual([result.code, result.stderr], [0, '']);
    if (result.stdout !== '') return result;
  }
  return assert.fail('no names');
}

async function cache(t: TestContext): Promise<{ readonly env: { XDG_CACHE_HOME: string }; readonly directory: string }> {
  const home = await scratchDirectory(t);
  return { env: { XDG_CACHE_HOME: home }, directory: join(home, 'rmq', 'names') };
}

test('the names of queues and exchanges are printed, a line each, of the vhost and broker of the URL', async (t) => {
  const { queue, exchange } = await peer(t);
  const { env } = await cache(t);
  const [one, other] = [await queue(), await exchange('topic')];
  assert.ok((await untilAnswered(env)).stdout.split('\n').includes(one));
  const exchanges = (await untilAnswered(env, ['completion', '--names', 'exchange', '--url', brokerUrl(), '--quiet'])).stdout.split('\n');
  assert.deepEqual([exchanges.includes(other), exchanges.includes('amq.topic'), exchanges.includes(one)], [true, true, false]);
});

test('what is kept holds no password, and nobody else may read it', async (t) => {
  const { queue } = await peer(t);
  await queue();
  const { env, directory } = await cache(t);
  await untilAnswered(env);
  const [file = '', ...more] = await readdir(directory);
  assert.deepEqual(more, []);
  assert.match(file, /^[0-9a-f]{32}$/);
  const modes = await Promise.all([directory, join(directory, file)].map(async (path) => (await stat(path)).mode & 0o777));
  assert.deepEqual(modes, [0o700, 0o600]);
  const { password, username } = new URL(brokerUrl());
  const kept = JSON.parse(await readFile(join(directory, file), 'utf8')) as string[];
  assert.deepEqual(
    kept.filter((name) => name === password || name === username),
    [],
  );
});

test('what is kept is believed for seconds, and only where nobody else can have written it', async (t) => {
  const { queue } = await peer(t);
  const name = await queue();
  const { env, directory } = await cache(t);
  await untilAnswered(env);
  const [file = ''] = await readdir(directory);
  const path = join(directory, file);
  const forge = async (): Promise<void> => {
    await writeFile(path, JSON.stringify(['forged']), { mode: 0o600 });
    await chmod(path, 0o600);
    // A minute ahead of its end, whatever the machine does meanwhile.
    await utimes(path, new Date(), new Date());
  };
  const isForged = async (): Promise<boolean> => !(await untilAnswered(env)).stdout.split('\n').includes(name);
  await forge();
  assert.equal(await isForged(), true, 'it is believed at all');
  for (const spoil of [
    () => chmod(path, 0o644),
    () => chmod(directory, 0o777),
    () => utimes(path, new Date(), new Date(Date.now() - 60_000)),
    () => utimes(path, new Date(), new Date(Date.now() + 3_600_000)),
    ...(process.getuid?.() === 0 ? [() => chown(path, 65_534, 65_534)] : []),
  ]) {
    await forge();
    await spoil();
    assert.equal(await isForged(), false, String(spoil));
    await chmod(directory, 0o700);
    if (process.getuid?.() === 0) await chown(path, 0, 0);
  }
});

test('where nobody answers, nothing is printed and nothing has failed', async (t) => {
  const { env } = await cache(t);
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  t.after(() => silent.close());
  const { port } = silent.address() as { port: number };
  for (const url of [`http://127.0.0.1:${port}`, 'http://127.0.0.1:1', 'nonsense']) {
    const { code, stdout, stderr } = await inside(ASK, { env: { ...env, RABBITMQ_MANAGEMENT_URL: url } });
    assert.deepEqual([url, code, stdout, stderr], [url, 0, '', '']);
  }
});

test('only a question about names takes a URL', async () => {
  assert.equal((await inside(['completion', 'bash', '--url', brokerUrl()])).code, 64);
});

for (const shell of SHELLS.filter((one) => one === 'bash' || isOnPath(one))) {
  test(`${shell} offers the contexts of this user, whichever broker the line names`, async (t) => {
    const { env: cached } = await cache(t);
    const env = { ...cached, XDG_CONFIG_HOME: cached.XDG_CACHE_HOME, RMQ_CONTEXT: 'gone', RMQ_URL: 'nonsense' };
    for (const name of ['local', 'production']) assert.equal((await inside(['context', 'add', name, '-u', 'amqp://127.0.0.1:1'], { env })).code, 0);
    const script = (await inside(['completion', shell])).stdout;
    const lines = ['rmq -c pro', 'rmq queue delete --confirm pro', 'rmq -u amqp://nowhere context use pro', 'rmq -c gone context remove pro'];
    const offers = complete(shell, script, lines, env);
    for (const line of lines) assert.deepEqual([...(offers.get(line)?.keys() ?? [])], ['production'], line);
  });
}

for (const shell of SHELLS.filter((one) => one === 'bash' || isOnPath(one))) {
  test(`${shell} offers the queues and exchanges of the broker that the line names`, async (t) => {
    const { queue, exchange } = await peer(t);
    const { env } = await cache(t);
    const [one, other] = [await queue(), await exchange('topic')];
    const script = (await inside(['completion', shell])).stdout;
    const management = process.env['RABBITMQ_MANAGEMENT_URL'] ?? '';
    const [url, start, first] = [brokerUrl(), one.slice(0, -3), other.slice(0, -3)];
    const lines = [`rmq -u ${url} consume ${start}`, `rmq publish --url=${url} --exchange ${first}`, `rmq --url "${url}" queue status ${start}`];
    const silent = `rmq consume ${start}`;
    for (let tries = 0; tries < 20; tries++) {
      // The cache is full once either kind has been asked for.
      const own = { ...env, RMQ_URL: 'nonsense', RABBITMQ_MANAGEMENT_URL: management };
      await Promise.all(['queue', 'exchange'].map((named) => untilAnswered(own, ['completion', '--names', named, '-u', url])));
      const offers = complete(shell, script, [...lines, silent], own);
      const offered = lines.map((line) => [...(offers.get(line)?.keys() ?? [])]);
      assert.deepEqual([...(offers.get(silent)?.keys() ?? [])], []);
      if (offered.some((words) => words.length === 0)) continue;
      assert.deepEqual(offered, [[one], [other], [one]]);
      return;
    }
    assert.fail('nothing was offered');
  });
}
