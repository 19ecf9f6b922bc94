import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { pageShell } from '../support/page-shell.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const page = await readFile(join(ROOT, 'src/guide/ci.md'), 'utf8');
const blocks = (language: string): string[] => [...page.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(([, block = '']) => block);
const [files = '', job = ''] = blocks('sh');
const [workflow = '', compose = ''] = blocks('yaml');

/** The files of the page, without the line that starts a broker of another version. */
const written = `${files}${job.replace(/^rmq broker run .*$/m, '')}`;

test('the job of the page has at most 12 lines without jq, sleep or loops, and its reports pass', async (t) => {
  const [, lines = ''] = /<<'EOF'\n([\s\S]*?)^EOF/m.exec(job) ?? [];
  assert.ok(lines.trim().split('\n').length <= 12);
  assert.doesNotMatch(lines, /\b(jq|sleep|while|until|for)\b/);
  const run = await pageShell(t);
  const { code, stderr, file } = await run(`${written}\nbash job.sh`);
  assert.equal(code, 0, stderr);
  for (const [report, tests] of [
    ['events.xml', 2],
    ['dead.xml', 2],
    ['queues.xml', 2],
  ] as const)
    assert.match(await file(report), new RegExp(`<testsuites tests="${tests}" failures="0" errors="0"`), report);
});

test('the job fails, and says why, when the application does something else', async (t) => {
  for (const [change, exit, told] of [
    [`sed -i 's/tenant=acme/tenant=none/' app.sh`, 1, /- properties\.headers\.tenant: "acme"\n {2}\+ properties\.headers\.tenant: "none"/],
    [`printf '{"id":2}\\n{"id":1}\\n{"broken":true}\\n' > fixtures.ndjson`, 1, /line 1 was due when message 1 came/],
    [`sed -i 's/exit 65/exit 0/; s/30s --junit dead/2s --junit dead/' app.sh job.sh`, 124, /0 messages of 1 came/],
  ] as const) {
    const run = await pageShell(t);
    const { code, stderr } = await run(`${written}\n${change}\nbash job.sh`);
    assert.equal(code, exit, stderr);
    assert.match(stderr, told);
  }
});

test('the steps of the workflow and the command of the compose file work as they stand', async (t) => {
  const run = await pageShell(t);
  const steps = [...workflow.matchAll(/- run: (.*)/g)].map(([, step = '']) => step);
  assert.deepEqual(
    steps.filter((step) => !step.startsWith('rmq') && !step.startsWith('bash')),
    ['npm install -g rmq'],
  );
  const { code, stderr } = await run([written, ...steps.filter((step) => !step.startsWith('npm'))].join('\n'));
  assert.equal(code, 0, stderr);
  const [, command = ''] = /command: (.*)/.exec(compose) ?? [];
  const ready = await run(`rmq work run orders -- cat & rmq ${command}; kill $!; wait $!`);
  assert.equal(ready.code, 0, ready.stderr);
  assert.match(ready.stderr, /working on/);
});
