import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { peer } from '../support/broker.ts';
import { rmq } from '../support/rmq.ts';

const BIN = fileURLToPath(new URL('../../bin/rmq.js', import.meta.url));

/** Runs rmq in a shell, which can write arguments that JavaScript cannot: `$RMQ` is the command. */
async function inShell(line: string): Promise<{ code: number; stderr: string }> {
  return new Promise((resolve) => {
    const env = { ...process.env, RMQ: `"${process.execPath}" "${BIN}"` };
    execFile('sh', ['-c', line.replaceAll('$RMQ', env.RMQ)], { env }, (error, _, stderr) => resolve({ code: Number(error?.code ?? 0), stderr }));
  });
}

test('arguments that are not UTF-8 are refused, not changed, wherever they stand', async (t) => {
  const { queue, depth } = await peer(t);
  const name = await queue();
  for (const line of [
    `$RMQ publish -q ${name} "$(printf 'a\\377b')"`,
    `$RMQ publish -q ${name} -H "$(printf 'tenant=\\351')" body`,
    `$RMQ publish -e amq.topic -r "$(printf 'caf\\351')" body`,
    // A genuine one beside it excuses nothing.
    `$RMQ publish -q ${name} -H "$(printf 'h=\\357\\277\\275')" "$(printf '\\377')"`,
  ]) {
    const { code, stderr } = await inShell(line);
    assert.equal(code, 64, `${line}\n${stderr}`);
    assert.match(stderr, /is not valid UTF-8/);
    assert.match(stderr, /standard input or a file/);
  }
  assert.equal(await depth(name), 0);
});

test('a replacement character that was really given is sent', async (t) => {
  const { queue, take } = await peer(t);
  const name = await queue();
  const result = await rmq(['publish', '-q', name, 'a\ufffdb ä']);
  assert.equal(result.code, 0, result.stderr);
  assert.deepEqual(
    (await take(name)).map(({ content }) => content.toString()),
    ['a\ufffdb ä'],
  );
});
