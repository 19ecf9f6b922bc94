// Packs the chunks of a split bundle into one file: a function each. A run compiles those that it needs (src/cli/boot.ts).
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';

/** What each function takes. The names are too long for the minifier to give them to anything else. */
const PARAMETERS = 'loadChunk,importChunk,require,__dirname,monotonic';

/** An esbuild plugin. Line by line the file has the length of each chunk, and then the chunks, the entry point first. */
export function packChunks(file) {
  return {
    name: 'pack-chunks',
    setup({ initialOptions, onEnd }) {
      Object.assign(initialOptions, { format: 'esm', splitting: true, outdir: 'dist', chunkNames: '[name]-[hash]', write: false, metafile: true });
      onEnd(({ outputFiles = [], metafile, errors }) => {
        if (errors.length > 0) return;
        checkExports(metafile);
        const chunks = Object.values(metafile.outputs)
          .map((output, index) => ({ ...output, text: outputFiles[index].text, name: basename(outputFiles[index].path) }))
          .sort((one, other) => Number(other.entryPoint === initialOptions.entryPoints[0]) - Number(one.entryPoint === initialOptions.entryPoints[0]));
        const numbers = new Map(chunks.map(({ name }, index) => [name, index]));
        const packed = chunks.map((chunk) => `${packedChunk(chunk, numbers)},\n`);
        writeFileSync(file, `${packed.map(({ length }) => length).join(' ')}\n${packed.join('')}`, 'latin1');
      });
    },
  };
}

/** Names are handed from chunk to chunk by value. */
function checkExports({ inputs }) {
  for (const path of Object.keys(inputs)) {
    const [, name] = /\.[jt]s$/.test(path) ? (/^export (?:let|var) (\w+)/m.exec(readFileSync(path, 'utf8')) ?? []) : [];
    if (name !== undefined) throw new Error(`${path} exports ${name}, which may change: other chunks would not see that`);
  }
}

function packedChunk({ text, imports, exports }, numbers) {
  const found = new Set();
  const ask = (specifier) => {
    found.add(specifier);
    return specifier.startsWith('./') ? `loadChunk(${numbers.get(basename(specifier))})` : `require(${JSON.stringify(specifier)})`;
  };
  const pattern = (names) => `{${names.replaceAll(' as ', ':')}}`;
  const statement = (_, all, one, names, specifier) => {
    const asked = ask(specifier);
    if (all !== undefined) return `const ${all}=${asked};`;
    const whole = one === undefined ? '' : `const ${one}=${asked}${specifier.startsWith('./') ? '.default' : ''};`;
    return names === undefined && one !== undefined ? whole : `${whole}${names === undefined ? asked : `const${pattern(names)}=${asked}`};`;
  };
  const body = text
    .replace(/(?<=^|[;}\n])import ?(?:(?:\*as ([\w$]+)|([\w$]+))?,?(?:\{([^{}]*)\})? ?from)?"([^"]+)";/g, statement)
    .replace(/\bimport\("(\.\/[^"]+)"\)/g, (_, specifier) => ask(specifier).replace('loadChunk', 'importChunk'))
    .replace(/export\{([^{}]*)\};\n*$/, (_, names) => `return{${names.replace(/([\w$]+) as ([\w$]+)/g, '$2:$1')}}`);
  const factory = `function(${PARAMETERS}){${body}}`;
  // What was overlooked does not parse, or was asked for without need.
  new Function(`return ${factory}`);
  const wanted = new Set(imports.filter(({ kind }) => kind !== 'require-call').map(({ path, external }) => (external ? path : `./${basename(path)}`)));
  assert.deepEqual([...found].sort(), [...wanted].sort());
  assert.equal(/return\{([^{}]*)\}\}$/.exec(factory)?.[1].split(',').length ?? 0, exports.length);
  return factory;
}
