// Builds dist/: one bundle for the command with V8's code cache beside it, and ESM with declarations for the library door.
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { build } from 'esbuild';

rmSync('dist', { recursive: true, force: true });
const shared = { bundle: true, platform: 'node', target: 'node20', legalComments: 'none', logLevel: 'warning' };
const wrapped = { banner: { js: '(function (exports, require, module, __filename, __dirname) {' }, footer: { js: '})' } };

/** amqplib loads node:tls with every connection; most are plain, and it costs 3 ms of a start. */
const lazyTls = {
  name: 'lazy-tls',
  setup({ onLoad }) {
    onLoad({ filter: /amqplib[\\/]lib[\\/]connect\.js$/ }, ({ path }) => {
      const eager = "const tls = require('node:tls');";
      const source = readFileSync(path, 'utf8');
      if (!source.includes(eager)) throw new Error(`${path} no longer says ${eager}`);
      return { contents: source.replace(eager, '').replaceAll('tls.connect(', "require('node:tls').connect(") };
    });
  },
};

await Promise.all([
  build({ ...shared, entryPoints: ['src/cli/boot.ts'], outfile: 'dist/boot.cjs', format: 'cjs', minify: true }),
  build({
    ...shared,
    entryPoints: ['src/cli/main.ts'],
    outfile: 'dist/rmq.cjs',
    format: 'cjs',
    minifySyntax: true,
    minifyWhitespace: true,
    ...wrapped,
    plugins: [lazyTls],
  }),
  // What the package depends on stays outside; the language of expressions is in a file of its own, loaded when one is used.
  build({
    ...shared,
    entryPoints: ['src/index.ts'],
    outdir: 'dist',
    format: 'esm',
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
    external: Object.keys(JSON.parse(readFileSync('package.json', 'utf8')).dependencies),
  }),
]);
execFileSync('node_modules/.bin/tsc', ['-p', '.config/types.json'], { stdio: 'inherit' });
execFileSync(process.execPath, ['dist/boot.cjs'], { stdio: 'ignore' });
