import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { globalFlags } from '../src/commands/flags/globals.ts';
import { commands } from '../src/commands/index.ts';

const SRC = fileURLToPath(new URL('../src', import.meta.url));

/** Each layer may import only these, and itself. */
const BELOW: Readonly<Record<string, readonly string[]>> = {
  cli: ['commands', 'output', 'text', 'patterns', 'handlers', 'broker', 'amqp', 'model'],
  commands: ['patterns', 'handlers', 'broker', 'guide', 'text', 'model'],
  guide: ['model'],
  output: ['text', 'model'],
  text: ['model'],
  patterns: ['amqp', 'management', 'text', 'model'],
  amqp: ['model'],
  management: ['model'],
  broker: ['amqp', 'model'],
  handlers: ['model'],
  model: [],
  library: ['patterns', 'amqp', 'model'],
  'index.ts': ['library', 'patterns', 'model'],
  'testing.ts': ['broker', 'model'],
};

/** Each package has one way in. */
const DOORS: Readonly<Record<string, readonly string[]>> = {
  commander: ['cli/program.ts'],
  amqplib: ['amqp/'],
  chalk: ['output/'],
  ora: ['output/'],
  '@clack': ['output/terminal/checklist.ts'],
  'string-width': ['text/width.ts'],
  '@marcbachmann': ['patterns/dlx/filter/'],
  ajv: ['patterns/expect/schema.ts'],
  'ajv-formats': ['patterns/expect/schema.ts'],
  'csv-parse': ['patterns/publish/rows.ts'],
  yaml: ['patterns/topology/file.ts'],
  zod: [
    'library/',
    'patterns/',
    'broker/',
    'commands/command.ts',
    'commands/flags/',
    'commands/completion/index.ts',
    'commands/help/page.ts',
    'commands/context/',
  ],
};

/** Who may touch the process: the layers that own it, its terminal, and other processes. */
const PROCESS = ['cli/', 'output/', 'broker/', 'handlers/'];

interface File {
  readonly path: string;
  readonly text: string;
  readonly imports: readonly { readonly specifier: string; readonly lazy: boolean }[];
}

const files: readonly File[] = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => {
    const text = readFileSync(join(SRC, path), 'utf8');
    const found = [...text.matchAll(/^(import|export)( type)? [^;]*?from '([^']+)'|\bimport\('([^']+)'\)|^import '([^']+)'/gm)];
    return {
      path,
      text,
      // What is imported lazily, or only as a type, closes no circle.
      imports: found.map((match) => ({ specifier: match[3] ?? match[4] ?? match[5] ?? '', lazy: match[2] !== undefined || match[4] !== undefined })),
    };
  });

const layerOf = (path: string): string => path.split('/')[0] ?? path;
const targetOf = (file: File, specifier: string): string => relative(SRC, resolve(SRC, dirname(file.path), specifier));

test('imports point down only', () => {
  const wrong = files.flatMap((file) =>
    file.imports
      .filter(({ specifier }) => specifier.startsWith('.') && !specifier.endsWith('package.json'))
      .map(({ specifier }) => targetOf(file, specifier))
      .filter((target) => layerOf(target) !== layerOf(file.path) && !BELOW[layerOf(file.path)]?.includes(layerOf(target)))
      .map((target) => `${file.path} -> ${target}`),
  );
  assert.deepEqual(wrong, []);
});

test('each package has one door', () => {
  const wrong = files.flatMap((file) =>
    file.imports
      .filter(({ specifier }) => !specifier.startsWith('.') && !specifier.startsWith('node:'))
      .filter(({ specifier }) => !DOORS[specifier.split('/')[0] ?? '']?.some((door) => file.path.startsWith(door)))
      .map(({ specifier }) => `${file.path} -> ${specifier}`),
  );
  assert.deepEqual(wrong, []);
});

/** What is loaded with each file. */
const edges = new Map(
  files.map((file) => [
    file.path,
    file.imports.filter(({ specifier, lazy }) => specifier.startsWith('.') && !lazy).map(({ specifier }) => targetOf(file, specifier)),
  ]),
);

test('what only some commands need is not loaded with all of them', () => {
  const loaded = new Set<string>();
  const load = (path: string): void => {
    if (loaded.has(path)) return;
    loaded.add(path);
    for (const next of edges.get(path) ?? []) load(next);
  };
  for (const path of ['cli/main.ts', 'cli/program.ts', 'commands/words.ts', 'commands/index.ts']) load(path);
  assert.ok(loaded.has('commands/dlx/replay.ts'));
  const late = Object.keys(DOORS).filter((name) => name !== 'commander');
  const wrong = files
    .filter(({ path }) => loaded.has(path))
    .flatMap(({ path, imports }) =>
      imports
        .filter(({ specifier, lazy }) => !lazy && late.some((name) => specifier === name || specifier.startsWith(`${name}/`)))
        .map(({ specifier }) => `${path} -> ${specifier}`),
    );
  assert.deepEqual(wrong, []);
});

test('there are no circles', () => {
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    assert.ok(!trail.includes(path), [...trail, path].join(' -> '));
    if (done.has(path)) return;
    for (const next of edges.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of edges.keys()) visit(path, []);
  const alone = files.filter((file) => file.imports.some(({ specifier }) => specifier.startsWith('.') && targetOf(file, specifier) === file.path));
  assert.deepEqual(
    alone.map(({ path }) => `${path} imports itself`),
    [],
  );
});

test('patterns, commands, the wire and the model never touch the process', () => {
  const wrong = files.filter(
    ({ path, text }) =>
      /\bprocess\.(?!(resourceUsage|memoryUsage))|\bconsole\./.test(text.replace(/\/\/.*|\/\*[\s\S]*?\*\//g, '')) &&
      !PROCESS.some((door) => path.startsWith(door)),
  );
  assert.deepEqual(
    wrong.map(({ path }) => path),
    [],
  );
});

test('no file holds more than one question: none is longer than 400 lines', () => {
  const long = files.map(({ path, text }) => [path, text.split('\n').length] as const).filter(([, lines]) => lines > 400);
  assert.deepEqual(long, []);
});

test('a folder holds at most 14 files: a wing before that', () => {
  const folders = new Map<string, number>();
  for (const { path } of files) folders.set(dirname(path), (folders.get(dirname(path)) ?? 0) + 1);
  assert.deepEqual(
    [...folders].filter(([, count]) => count > 14),
    [],
  );
});

test('the wings of a floor form no circle', () => {
  const floors = ['amqp', 'patterns', 'patterns/dlx'];
  for (const floor of floors) {
    const wingOf = (path: string): string | undefined => (path.startsWith(`${floor}/`) ? /^([^/]+)\//.exec(path.slice(floor.length + 1))?.[1] : undefined);
    const arrows = new Map<string, Set<string>>();
    for (const file of files) {
      const from = wingOf(file.path);
      for (const { specifier } of file.imports) {
        const to = specifier.startsWith('.') ? wingOf(targetOf(file, specifier)) : undefined;
        if (from !== undefined && to !== undefined && from !== to) arrows.set(from, (arrows.get(from) ?? new Set()).add(to));
      }
    }
    const visit = (wing: string, trail: readonly string[]): void => {
      assert.ok(!trail.includes(wing), `${floor}: ${[...trail, wing].join(' -> ')}`);
      for (const next of arrows.get(wing) ?? []) visit(next, [...trail, wing]);
    };
    for (const wing of arrows.keys()) visit(wing, []);
  }
});

test('an exported name has one meaning', () => {
  const homes = new Map<string, Set<string>>();
  // The door calls a pattern by its own name: what it opens is the same thing for programs.
  for (const { path, text } of files.filter((file) => !['library', 'testing.ts'].includes(layerOf(file.path)))) {
    for (const [, name = ''] of text.matchAll(/^export (?:abstract |async )*(?:class|function\*?|interface|type|const|let) (\w+)/gm)) {
      homes.set(name, (homes.get(name) ?? new Set()).add(path));
    }
  }
  const twice = [...homes].filter(([, paths]) => paths.size > 1).map(([name, paths]) => `${name}: ${[...paths].join(', ')}`);
  assert.deepEqual(twice, []);
});

test('nobody outside amqp touches a connection or a channel of amqplib', () => {
  const wrong = files.filter(({ path, text }) => !path.startsWith('amqp/') && /\.(model|createChannel|createConfirmChannel)\b/.test(text));
  assert.deepEqual(
    wrong.map(({ path }) => path),
    [],
  );
});

/** The library: its messages are read in programs too. */
const FLAGLESS = ['index.ts', 'testing.ts', 'library', 'patterns', 'model', 'amqp', 'management'];

test('the library names options by their keys: flag words stand above it only', () => {
  const wrong = files.filter(({ path, text }) => FLAGLESS.includes(layerOf(path)) && /--[a-z]/.test(text));
  assert.deepEqual(
    wrong.map(({ path }) => path),
    [],
  );
});

test('each option that a message names is an input of a command', () => {
  const known = new Set([...Object.keys(globalFlags), ...commands.flatMap(({ inputs }) => Object.keys(inputs))]);
  const wrong = files.flatMap(({ path, text }) =>
    [...text.matchAll(/\boption\('(\w+)'/g)].filter(([, key = '']) => !known.has(key)).map(([call]) => `${path}: ${call}`),
  );
  assert.deepEqual(wrong, []);
});

test('no message names an option while its module is loaded: the command line spells options once it knows its command', () => {
  const script = `
    const [options, ...paths] = process.argv.slice(1);
    const early = [];
    (await import(options)).spellOptions((key) => { early.push(key); return key; });
    for (const path of paths) await import(path);
    process.stdout.write(early.join(' '));`;
  const paths = files.filter(({ path }) => FLAGLESS.includes(layerOf(path))).map(({ path }) => join(SRC, path));
  const argv = ['--import', 'tsx', '--input-type=module', '--eval', script, join(SRC, 'model/option.ts'), ...paths];
  assert.equal(execFileSync(process.execPath, argv, { encoding: 'utf8' }), '');
});

test('the lock file has the packages of every platform, and names no registry: npm ci installs anywhere', () => {
  const text = readFileSync(join(SRC, '../package-lock.json'), 'utf8');
  const { packages } = JSON.parse(text) as { packages: Record<string, { version?: string; optionalDependencies?: Record<string, string> }> };
  const wanted = Object.values(packages).flatMap(({ optionalDependencies = {} }) => Object.keys(optionalDependencies));
  assert.deepEqual(
    wanted.filter((name) => packages[`node_modules/${name}`]?.version === undefined),
    [],
  );
  assert.doesNotMatch(text, /"resolved"/);
});
