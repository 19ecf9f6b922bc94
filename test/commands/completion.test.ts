import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type Command, type CommandGroup, defineCommand, longName } from '../../src/commands/command.ts';
import { completionScript, writeScripts } from '../../src/commands/completion/index.ts';
import { FILES, SHELLS, type Shell } from '../../src/commands/completion/shell.ts';
import { completionCommand } from '../../src/commands/completion.ts';
import { argument, choice, type Flag, fields, MESSAGE_NAMES, path, rest, text, texts, toggle } from '../../src/commands/flags/flag.ts';
import { describedGlobals, globalFlags } from '../../src/commands/flags/globals.ts';
import { commands, groups } from '../../src/commands/index.ts';
import { VARIABLES } from '../../src/patterns/dlx/filter/where-scope.ts';
import { complete, isOnPath, type Offer } from '../support/shells.ts';

const described = await Promise.all(commands.map(async (command) => ({ ...command, inputs: await command.described() })));
const globals = await describedGlobals();
const scriptOf = (shell: Shell): string => completionScript(shell, described, groups, globals);

for (const shell of SHELLS) {
  test(`completions/${FILES[shell]} is what the command table says; npm run completions writes it anew`, () => {
    assert.equal(readFileSync(new URL(`../../completions/${FILES[shell]}`, import.meta.url), 'utf8'), scriptOf(shell));
  });
}

test('no flag of a command is spelled like a global flag of another name, which would take it over', () => {
  const spelled = (flags: Readonly<Record<string, Flag<unknown>>>): string[] =>
    Object.entries(flags).flatMap(([key, flag]) => [longName(key, flag), ...(flag.short === undefined ? [] : [`-${flag.short}`])]);
  const taken = new Set([...spelled(globalFlags), '--help', '-h', '--version', '-V']);
  for (const { path: words, inputs } of commands) {
    const flags = Object.entries(inputs).filter((entry): entry is [string, Flag<unknown>] => entry[1].kind === 'flag' && !(entry[0] in globalFlags));
    const own = spelled(Object.fromEntries(flags));
    assert.deepEqual([words, own.filter((name) => taken.has(name))], [words, []]);
  }
});

test('what is offered for an expression over messages are the names that it knows', () => {
  assert.deepEqual(MESSAGE_NAMES.filter((name) => !name.includes('[')).sort(), Object.keys(VARIABLES).sort());
});

test('all scripts are written into a directory; one that is not there is a failure that says so', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'rmq-completion-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  await writeScripts(directory, (shell) => `${shell}\n`);
  assert.deepEqual(readdirSync(directory).sort(), ['_rmq', 'rmq.bash', 'rmq.fish']);
  const absent = join(directory, 'absent');
  await assert.rejects(writeScripts(absent, scriptOf), { kind: 'missing', message: `--write: there is no directory ${absent}` });
});

test('the command takes either a shell or a directory, and no other shell than these', async () => {
  await assert.rejects(completionCommand.prepare({}), { kind: 'usage', message: 'either SHELL or --write DIR is needed' });
  await assert.rejects(completionCommand.prepare({ shell: 'bash', write: '.' }), { kind: 'usage' });
  assert.throws(() => completionCommand.inputs['shell']?.decode(['tcsh']), { kind: 'usage', message: 'expected one of bash, zsh, fish, got "tcsh"' });
});

const ODD = 'a [file]: it\'s "quoted", $HOME `date` $(date) \\n %s; # <x> | y';

const load = (): never => assert.fail('completing must not load a command');
const table: readonly Command[] = [
  defineCommand({
    path: ['send'],
    summary: 'send one',
    examples: [],
    inputs: {
      body: argument('the body', { optional: true }),
      queue: text('where to', { short: 'q', value: 'QUEUE' }),
      header: fields('a header', { short: 'H' }),
      from: path(ODD, { short: 'F' }),
      into: text('a directory', { value: 'DIR', completes: 'directory' }),
      shade: choice(['deep blue', "it's", '$HOME', '[x]'], 'a shade', { short: 's' }),
      quick: toggle('hurry', { aliases: ['quicker'] }),
    },
    load,
  }),
  defineCommand({
    path: ['job', 'run'],
    summary: ODD,
    examples: [],
    inputs: { queue: argument('the queue'), cmd: rest('the command', { completes: 'command' }) },
    load,
  }),
  defineCommand({ path: ['job', 'show'], summary: 'show one', examples: [], inputs: { file: argument('the file', { completes: 'file' }) }, load }),
];
const tableGroups: readonly CommandGroup[] = [{ path: ['job'], summary: 'jobs: run, show' }];
const tableFlags: Readonly<Record<string, Flag<unknown>>> = {
  url: texts('the URL', { short: 'u', value: 'URL', aliases: ['uri'] }),
  output: choice(['text', 'json'], 'the format', { short: 'o' }),
  quiet: toggle('say less'),
  verbose: toggle('say more', { short: 'v' }),
};

const GLOBALS = ['--help', '--output', '--quiet', '--url', '--verbose'];
const SEND = ['--from', '--header', '--into', '--queue', '--quick', '--shade'];
const without = (all: readonly string[], ...some: readonly string[]): string[] => all.filter((one) => !some.includes(one));

/** Each line, and all that is offered for it. */
const CASES: readonly (readonly [line: string, ...offered: string[]])[] = [
  ['rmq ', 'job', 'send'],
  ['rmq se', 'send'],
  ['rmq --', ...GLOBALS, '--version'],
  ['rmq -o ', 'json', 'text'],
  ['rmq send --', ...GLOBALS, ...SEND],
  ['rmq send --qu', '--queue', '--quick', '--quiet'],
  ['rmq send -o ', 'json', 'text'],
  ['rmq send --output=', 'json', 'text'],
  ['rmq send --output=j', 'json'],
  ['rmq send -vo ', 'json', 'text'],
  ['rmq send --shade ', '$HOME', '[x]', 'deep blue', "it's"],
  ['rmq send --queue '],
  ['rmq send --from n', 'notes'],
  ['rmq send --from=n', 'notes'],
  ['rmq send --into ', 'inbox'],
  ['rmq send --into=i', 'inbox'],
  ['rmq job ', 'run', 'show'],
  ['rmq --quiet job -v sh', 'show'],
  ['rmq job show ', 'inbox', 'notes'],
  ['rmq --url x send --', ...GLOBALS, ...SEND],
  ['rmq --uri amqp://me:secret@host:5672/%2f send --u', '--url'],
  ['rmq -u x,y -v send --qui', '--quick', '--quiet'],
  ['rmq --output json send --', ...without(GLOBALS, '--output'), ...SEND],
  ['rmq send -o json -q a -v --', ...without(GLOBALS, '--output', '--verbose'), ...without(SEND, '--queue')],
  ['rmq send -vqa --', ...without(GLOBALS, '--verbose'), ...without(SEND, '--queue')],
  ['rmq send --header a=b -H c:=1 --he', '--header', '--help'],
  ['rmq send -- --qu'],
  ['rmq job run q -- rmq-completion-test', 'rmq-completion-test-handler'],
  ['rmq job run q rmq-completion-test', 'rmq-completion-test-handler'],
  ['rmq job run q -- cat n', 'notes'],
  ['rmq job run q -- cat --qu'],
  ['rmq nothing --'],
];

/** A value that looks like a flag; zsh takes it for one. */
const FLAG_AS_VALUE: (typeof CASES)[number] = ['rmq send --queue --quiet --qui', '--quick', '--quiet'];

/** The same for the real table, which grows: what must be among the words, and what must not. */
const REAL: readonly (readonly [line: string, offered: readonly string[], not?: readonly string[]])[] = [
  ['rmq ', ['publish', 'consume', 'queue', 'completion'], ['declare', '--url']],
  ['rmq pub', ['publish'], ['consume']],
  ['rmq publish --', ['--queue', '--header', '--url', '--output', '--no-confirm', '--no-color'], ['--uri', '--version', '--drain']],
  ['rmq publish --qu', ['--queue', '--quiet'], ['--url']],
  ['rmq -o ', ['text', 'json', 'raw']],
  ['rmq publish -o ', ['text', 'json', 'raw']],
  ['rmq queue ', ['declare', 'delete'], ['publish']],
  ['rmq queue declare --queue-type ', ['classic', 'quorum', 'stream']],
  ['rmq --url x publish --', ['--queue', '--url', '--output'], ['--uri']],
  ['rmq --quiet publish --qu', ['--queue'], ['--quiet']],
  ['rmq publish -- --', [], ['--queue', '--url']],
  ['rmq completion ', ['bash', 'zsh', 'fish']],
  ['rmq completion --names ', ['queue', 'exchange', 'context']],
  ['rmq dlx inspect q --where ', ['headers["x-death"]', 'reason', 'json']],
  ['rmq consume q --match ', ['headers', 'json', 'properties']],
  ['rmq queue list --where ', ['ready', 'consumers', 'deadLetterTo'], ['headers', 'internal']],
  ['rmq queue watch --until un', ['unacked'], ['ready']],
  ['rmq exchange list --sort ', ['type', 'internal'], ['ready']],
  ['rmq completion --write ', ['inbox'], ['notes']],
];

for (const shell of SHELLS) {
  if (shell === 'bash' || isOnPath(shell)) describe(`${shell} itself`, () => checkOffers(shell));
  else test(`${shell} is not on PATH: nothing but the text of its script is checked`, () => checkText(shell));
}

function checkOffers(shell: Shell): void {
  const cases = shell === 'zsh' ? CASES : [...CASES, FLAG_AS_VALUE];
  const offers = complete(
    shell,
    completionScript(shell, table, tableGroups, tableFlags),
    cases.map(([line]) => line),
  );
  const offered = (line: string): Offer => offers.get(line) ?? assert.fail(`no answer for ${line}`);
  for (const [line, ...expected] of cases) {
    test(`offers for "${line}": ${expected.join(' ') || 'nothing'}`, () => assert.deepEqual([...offered(line).keys()].sort(), [...expected].sort()));
  }
  // Bash has no place for descriptions.
  if (shell !== 'bash') {
    test('shows what commands and flags do, whatever characters that takes', () => {
      assert.equal(offered('rmq ').get('job'), 'jobs: run, show');
      assert.equal(offered('rmq job ').get('run'), ODD);
      assert.equal(offered('rmq send --').get('--from'), ODD);
      assert.equal(offered('rmq send --').get('--quiet'), 'say less');
    });
  }
  test('completes the real commands', () => {
    const real = complete(
      shell,
      scriptOf(shell),
      REAL.map(([line]) => line),
    );
    for (const [line, expected, unexpected = []] of REAL) {
      const words = [...(real.get(line) ?? assert.fail(`no answer for ${line}`)).keys()];
      const report = { line, missing: without(expected, ...words), wrong: unexpected.filter((one) => words.includes(one)) };
      assert.deepEqual(report, { line, missing: [], wrong: [] });
    }
  });
}

function checkText(shell: Shell): void {
  const script = scriptOf(shell);
  const option = (name: string): string => (shell === 'fish' ? `-l ${name.slice(2)} ` : name);
  for (const { path: words, inputs } of commands) {
    assert.ok(script.includes(words.join(' ')), words.join(' '));
    for (const [key, input] of Object.entries(inputs)) if (input.kind === 'flag') assert.ok(script.includes(option(longName(key, input))), key);
  }
}
