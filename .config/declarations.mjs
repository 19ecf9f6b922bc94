// What TypeScript reads of the package. The types of the bundled packages are beside its own, so that nothing has to be installed for them.
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';

const TYPES = 'dist/types';
const VENDOR = join(TYPES, 'vendor');
const compiler = ['-p', '.config/types.json'];
const packages = { 'zod/mini': 'zod/mini/index.js', amqplib: 'amqplib/index.js' };

export function watchDeclarations() {
  spawn('node_modules/.bin/tsc', [...compiler, '--watch', '--preserveWatchOutput'], { stdio: 'inherit' });
}

/** For each door of the library, such as `index`: `dist/types/index.d.ts`, and `dist/index.d.cts` for programs in CommonJS. */
export async function writeDeclarations(doors) {
  execFileSync('node_modules/.bin/tsc', compiler, { stdio: 'inherit' });
  const own = declarationsIn(TYPES);
  for (const file of own) edit(file, (text) => text.replace(/from '(zod\/mini|amqplib)'/g, (_, name) => `from '${pathTo(file, packages[name])}'`));
  // Only what the small door of zod leads to, without its languages.
  for (const part of ['mini', 'v4/core', 'v4/mini']) vendor('zod', part);
  for (const file of ['LICENSE', 'package.json']) cpSync(join('node_modules/zod', file), join(VENDOR, 'zod', file));
  for (const file of ['core/index.d.ts', 'mini/external.d.ts']) edit(join(VENDOR, 'zod/v4', file), (text) => text.replace(/^export \* as locales .*\n/m, ''));
  for (const part of ['index.d.ts', 'lib/properties.d.ts', 'LICENSE-MIT', 'package.json'])
    cpSync(join('node_modules/amqplib', part), join(VENDOR, 'amqplib', part));
  const texts = own.map((file) => readFileSync(file, 'utf8'));
  for (const door of doors) writeFileSync(join('dist', `${door}.d.cts`), await forCommonJs(door, texts));
}

function declarationsIn(directory) {
  return readdirSync(directory, { recursive: true })
    .filter((file) => file.endsWith('.d.ts'))
    .map((file) => join(directory, file));
}

function vendor(name, part) {
  for (const file of declarationsIn(join('node_modules', name, part))) cpSync(file, join(VENDOR, relative('node_modules', file)));
}

function edit(file, change) {
  writeFileSync(file, change(readFileSync(file, 'utf8')));
}

function pathTo(file, target) {
  return `./${relative(dirname(file), join(VENDOR, target))}`;
}

/** Node's require gives a program in CommonJS the same module, and TypeScript wants to be told so name by name. */
async function forCommonJs(door, texts) {
  const from = `'./types/${door}.js' with { 'resolution-mode': 'import' }`;
  const values = Object.keys(await import(pathToFileURL(join('dist', `${door}.js`)).href)).map((name) => {
    const isType = texts.some((text) => new RegExp(`^export (declare )?(abstract )?(class|interface|type) ${name}\\b`, 'm').test(text));
    return `export declare const ${name}: typeof door.${name};\n${isType ? `export type ${name} = door.${name};\n` : ''}`;
  });
  return `import type * as door from ${from};\nexport type * from ${from};\n${values.join('')}`;
}
