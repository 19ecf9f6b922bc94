import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import packageJson from '../../package.json' with { type: 'json' };
import { EXIT_CODES } from '../../src/cli/exit.ts';
import { longName } from '../../src/commands/command.ts';
import { globalFlags } from '../../src/commands/flags/globals.ts';
import { commands, groups } from '../../src/commands/index.ts';
import { topics } from '../../src/guide/topics.ts';
import { parseMarkdown, type Span } from '../../src/text/document.ts';
import { formatPage } from '../../src/text/page.ts';
import { pageShell } from '../support/page-shell.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const GUIDE = join(ROOT, 'src/guide');
const pages = await Promise.all(
  topics
    .filter(({ name }) => name !== 'flags')
    .map(async ({ name }) => ({ name, file: join(GUIDE, `${name}.md`), text: await readFile(join(GUIDE, `${name}.md`), 'utf8') })),
);
const readme = { name: 'README', file: join(ROOT, 'README.md'), text: await readFile(join(ROOT, 'README.md'), 'utf8') };

test('every page is a topic', async () => {
  const files = (await readdir(GUIDE)).filter((name) => name.endsWith('.md'));
  assert.deepEqual(files.sort(), pages.map(({ name }) => `${name}.md`).sort());
});

for (const { name, text } of pages) {
  const lines = [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, block]) => block).join('\n');
  if (lines !== '') test(`the command lines of ${name} work as they stand, one after the other`, (t) => runLines(t, lines));
}

async function runLines(t: TestContext, lines: string): Promise<void> {
  const { code, stderr } = await (await pageShell(t))(lines);
  assert.equal(code, 0, stderr);
}

const flagsOf = (inputs: (typeof commands)[number]['inputs']): string[] =>
  Object.entries(inputs).flatMap(([key, input]) => (input.kind === 'flag' ? [longName(key, input), `-${input.short}`] : []));
const globals = [...flagsOf(globalFlags), '--uri', '--help', '-h'];

/** The commands of a line exist, and so do their flags. */
function checkLine(line: string): void {
  for (const [, whole = ''] of line.matchAll(/(?:^|[|;&(] *)rmq ((?:'[^']*'|"[^"]*"|[^|;&)'"])+)/g)) {
    const own = (whole.split(' -- ')[0] ?? '').replaceAll(/'[^']*'|"[^"]*"/g, '');
    if (/^[A-Z[]/.test(own)) continue;
    const command = commands.find(({ path }) => `${own} `.startsWith(`${path.join(' ')} `));
    assert.ok(command !== undefined || groups.some(({ path }) => own.trim() === path.join(' ')), `rmq ${own} in ${line}`);
    for (const [flag] of own.matchAll(/(?<= )--?[a-zA-Z][a-zA-Z0-9-]*|(?<= )-\d\b/g))
      assert.ok([...flagsOf(command?.inputs ?? {}), ...globals].includes(flag), `${flag} in ${line}`);
  }
}

test('the examples of every command name commands and flags that exist', () => {
  for (const { path, examples } of commands) {
    for (const [line] of examples) {
      assert.match(line, /\brmq /, path.join(' '));
      checkLine(line);
    }
  }
});

for (const { name, file, text } of [...pages, readme]) {
  test(`what ${name} quotes in its sentences exists: commands, their flags, files and pages`, () => {
    const prose = text.replace(/^```[\s\S]*?^```/gm, '');
    for (const [, line = ''] of prose.matchAll(/`(rmq [^`]+)`/g)) checkLine(line.replaceAll('\\|', '|'));
    const all = commands.flatMap(({ inputs }) => flagsOf(inputs));
    for (const [, flag = ''] of prose.matchAll(/`(--[a-z][a-z0-9-]+)[^`]*`/g)) assert.ok([...all, ...globals].includes(flag), flag);
    for (const [, script = ''] of text.matchAll(/npm run ([\w:]+)/g)) assert.ok(Object.hasOwn(packageJson.scripts, script), script);
    for (const [, target = ''] of prose.matchAll(/\]\(([^)#]+)\)/g)) if (!target.startsWith('http')) assert.ok(existsSync(join(dirname(file), target)), target);
  });
}

test('a page loses no word on its way to the terminal, and fits: only code is wider', () => {
  for (const { name, text } of pages) {
    const words = text
      .replace(/^```\w*$/gm, '')
      .replace(/\*\*|\\(?=\|)/g, '')
      .replace(/\]\([^)]*\)/g, '')
      .split(/[\s[\]`|#]+|^-+$|^\d+\.$/);
    const code = [...text.matchAll(/^```\w*\n([\s\S]*?)^```/gm)].map(([, block = '']) => block).join('\n');
    for (const columns of [70, 80, 140]) {
      const page = formatPage(parseMarkdown(text), { columns });
      const wide = page.split('\n').filter((line) => line.length > columns && !code.includes(line.trim()));
      assert.deepEqual([name, columns, wide], [name, columns, []]);
      const shown = page.replace(/\s+\((rmq\s+help\s+[\w-]+|https?:[^)]*)\)|[\s─`]+/g, '');
      // The cells of a table stand side by side there.
      if (columns === 80) for (const word of words) assert.ok(shown.includes(word.replace(/^-{3,}$|^\d+\.$/, '')), `${name}: ${word}`);
    }
  }
});

test('every exit code is in its table', () => {
  const [page] = pages.filter(({ name }) => name === 'exit-codes');
  for (const [kind, code] of Object.entries({ ...EXIT_CODES, bug: 70 })) assert.match(page?.text ?? '', new RegExp(`^\\|[^|]*\\b${code}\\b`, 'm'), kind);
});

test('links, code and lists of a page are told apart', () => {
  const [list] = parseMarkdown('- see [a `b`](c.md), **d `e`**\n  f\n\n  ```sh\n  g\n  ```\n- h');
  assert.deepEqual(list, {
    kind: 'list',
    ordered: false,
    items: [
      [
        {
          kind: 'paragraph',
          spans: [
            { text: 'see ' },
            { text: 'a ', link: 'c.md' },
            { text: 'b', code: true, link: 'c.md' },
            { text: ', ' },
            { text: 'd ', strong: true },
            { text: 'e', code: true, strong: true },
            { text: ' f' },
          ] satisfies Span[],
        },
        { kind: 'code', lines: ['g'] },
      ],
      [{ kind: 'paragraph', spans: [{ text: 'h' }] }],
    ],
  });
});
