import assert from 'node:assert/strict';
import { test } from 'node:test';
import { longName } from '../../src/commands/command.ts';
import { globalFlags } from '../../src/commands/flags/globals.ts';
import { commands, groups, sections } from '../../src/commands/index.ts';
import { topics } from '../../src/guide/topics.ts';
import { inside } from '../support/inside.ts';
import { json, rmq } from '../support/rmq.ts';

const globalNames = Object.entries(globalFlags).map(([key, flag]) => longName(key, flag));

test('--help groups all commands as people think of them, shows the first steps, and lists the topics', async () => {
  const { code, stdout } = await rmq(['--help']);
  assert.equal(code, 0);
  const words = new Set(commands.map(({ path }) => path[0] ?? ''));
  assert.deepEqual(sections.flatMap((section) => section.words).sort(), [...words].sort());
  for (const { title } of sections) assert.ok(stdout.includes(`\n${title}\n`), title);
  for (const word of words) assert.match(stdout, new RegExp(`^ {2}${word} +\\S`, 'm'));
  for (const { name } of topics) assert.match(stdout, new RegExp(`^ {2}${name} +\\S`, 'm'));
  assert.ok(stdout.indexOf('rmq publish -q') < stdout.indexOf(sections[0]?.title ?? '?'), 'examples come first');
  assert.equal((await rmq(['help'])).stdout, stdout);
});

for (const { path, summary, inputs, examples } of commands) {
  const name = path.join(' ');
  test(`rmq ${name} --help shows examples first, its own flags only, and one line that leads to the others`, async () => {
    const { code, stdout } = await inside([...path, '--help']);
    assert.equal(code, 0);
    const flags = Object.entries(inputs).flatMap(([key, input]) => (input.kind === 'flag' ? [longName(key, input)] : []));
    const lines = stdout.split('\n');
    for (const flag of flags) assert.equal(lines.filter((line) => new RegExp(`^ {2}(-., )?${flag}( |$)`).test(line)).length, 1, flag);
    assert.deepEqual(
      globalNames.filter((flag) => !flags.includes(flag) && lines.some((line) => new RegExp(`^ {2}(-., )?${flag}( |$)`).test(line))),
      [],
    );
    assert.equal(stdout.split('rmq help flags').length, path[0] === 'help' ? 3 : 2);
    assert.ok(stdout.replace(/\s+/g, ' ').startsWith(`rmq ${name}: ${summary}`));
    assert.ok(examples.length > 0);
    const ends = stdout.indexOf('\nUsage\n');
    assert.ok(ends > 0);
    for (const [line] of examples) assert.ok(stdout.slice(0, ends).includes(`\n  ${line}\n`), line);
    assert.equal((await inside(['help', ...path])).stdout, stdout);
  });
}

test('the help of a word that only groups commands lists them', async () => {
  for (const { path } of groups) {
    const { code, stdout } = await inside([...path, '--help']);
    assert.equal(code, 0);
    const below = commands.filter((command) => command.path[0] === path[0]);
    assert.ok(below.length > 0);
    for (const command of below) assert.match(stdout, new RegExp(`^ {2}${command.path.join(' ')} +\\S`, 'm'));
    assert.equal((await inside(['help', ...path])).stdout, stdout);
  }
});

test('rmq help flags has every global flag', async () => {
  const { code, stdout } = await inside(['help', 'flags']);
  assert.equal(code, 0);
  for (const flag of globalNames) assert.match(stdout, new RegExp(`^ {2}(-., )?${flag}( |$)`, 'm'));
});

test('help about what is not there is wrong usage, and leads on', async () => {
  for (const [words, hint] of [
    [['frobnicate'], /rmq help lists the commands and topics/],
    [['replay'], /rmq help dlx replay/],
    [['flgas'], /did you mean rmq help flags\?/],
    [['queue', 'lst'], /did you mean rmq help queue list\?/],
    [['queue', 'frobnicate'], /rmq help lists/],
    [['browse'], /rmq peek QUEUE/],
  ] as const) {
    const { code, stdout, stderr } = await inside(['help', ...words]);
    assert.deepEqual([code, stdout], [64, '']);
    assert.match(stderr, hint);
  }
});

test('help needs neither a broker nor a URL that makes sense', async () => {
  for (const line of [['help', 'publish'], ['publish', '--help'], ['--help'], ['help', 'exit-codes']]) {
    assert.equal((await inside(line, { env: { RMQ_URL: 'nonsense' } })).code, 0, line.join(' '));
  }
});

const LINES = [['--help'], ['help', 'flags'], ['dlx', '--help'], ['dlx', 'replay', '--help'], ...topics.map(({ name }) => ['help', name])];
/** Command lines and code are never wrapped: they can be copied. */
const WHOLE = /^ {2}(rmq |seq |until |source |\S.*\| rmq )|^ {4}|[│─]/;

test('through a pipe a page has no colours and 80 columns, whatever the window', async () => {
  for (const line of LINES) {
    const { stdout } = await inside(line, { env: { COLUMNS: '200', FORCE_COLOR: undefined } });
    const long = stdout.split('\n').filter((one) => one.length > 80 && !WHOLE.test(one));
    assert.deepEqual([line, long], [line, []]);
    assert.ok(!stdout.includes('\u001b'), line.join(' '));
  }
});

test('on a terminal a page is as wide as the terminal, in colours unless they are refused', async () => {
  const plain = (text: string): string => text.replace(/\u001b\[[0-9;]*m/g, '').replaceAll('\r', '');
  for (const columns of [60, 80, 140]) {
    const { stdout } = await rmq(['dlx', 'replay', '--help'], { terminal: true, columns });
    assert.ok(stdout.includes('\u001b['));
    const widest = Math.max(
      ...plain(stdout)
        .split('\n')
        .filter((line) => !WHOLE.test(line) || line.startsWith('    '))
        .map((line) => line.length),
    );
    assert.ok(widest < columns && widest > columns / 2, `${widest} of ${columns}`);
  }
  for (const [line, env] of [
    [['--no-color', 'publish', '--help'], {}],
    [['help', 'publish', '--no-color'], {}],
    [['publish', '--help'], { NO_COLOR: '1' }],
  ] as const) {
    assert.ok(!(await rmq(line, { terminal: true, env })).stdout.includes('\u001b['), line.join(' '));
  }
});

test('a page is a line of JSON with -o json', async () => {
  const page = json<{ topic: string; text: string }>(await inside(['help', 'exit-codes', '-o', 'json']));
  assert.equal(page.topic, 'exit-codes');
  assert.match(page.text, /unroutable/);
});
