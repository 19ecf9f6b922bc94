import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import packageJson from '../../package.json' with { type: 'json' };
import { longName } from '../../src/commands/command.ts';
import { commands } from '../../src/commands/index.ts';
import { topics } from '../../src/guide/topics.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

const HAS_GROFF = spawnSync('groff', ['--version']).status === 0;

/** A man page as it is read, on one line; where there is no groff, its source without what groff is told. */
async function read(page: string): Promise<{ readonly text: string; readonly warnings: string }> {
  if (!HAS_GROFF) {
    const source = await readFile(`${ROOT}dist/man/${page}`, 'utf8');
    const text = source.replace(/^\.SH |^\.(TP|PP|nf|fi|RS|RE|IP|br).*\n|\\f[BR]|\\&/gm, '').replaceAll('\\-', '-');
    return { text: text.replaceAll('\\e', '\\').replace(/\s+/g, ' '), warnings: '' };
  }
  const { stdout, stderr } = await run('groff', ['-man', '-Tutf8', '-Kutf8', '-ww', '-rLL=2000n', '-P-c', `${ROOT}dist/man/${page}`]);
  return { text: stdout.replace(/.\u0008/g, '').replace(/\s+/g, ' '), warnings: stderr };
}

test('npm installs the man pages that the build writes: rmq(1), one for each first word, one for each topic', async () => {
  const written = await readdir(`${ROOT}dist/man`);
  const words = new Set(commands.map(({ path }) => `rmq-${path[0]}.1`));
  assert.deepEqual(written.sort(), ['rmq.1', ...words, ...topics.map(({ name }) => `rmq-${name}.7`)].sort());
  assert.deepEqual([...packageJson.man].sort(), written.map((name) => `./dist/man/${name}`).sort(), 'the pages of dist/man stand in "man" of package.json');
});

test('a man page has what the help has, and groff has nothing to say about it', async () => {
  for (const page of await readdir(`${ROOT}dist/man`)) assert.deepEqual([page, (await read(page)).warnings], [page, '']);
  for (const { path, inputs, examples, summary } of commands) {
    const { text } = await read(`rmq-${path[0]}.1`);
    assert.ok(text.includes(summary), summary);
    for (const [line] of examples) assert.ok(text.includes(line.replace(/\s+/g, ' ')), line);
    for (const [key, input] of Object.entries(inputs)) if (input.kind === 'flag') assert.ok(text.includes(longName(key, input)), longName(key, input));
  }
  const { text } = await read('rmq-exit-codes.7');
  assert.match(text, /NAME rmq-exit-codes - what each exit code means .* 67 unroutable/);
});
