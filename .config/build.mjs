// Builds dist/: one bundle for the command, and ESM with declarations for the library door.
// With --watch it stays and builds again whatever changes.
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { build, context } from 'esbuild';

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

const packageJson = JSON.parse(readFileSync('package.json', 'utf8'));
const boot = (name) => ({
  ...shared,
  entryPoints: ['src/cli/boot.ts'],
  outfile: 'dist/boot.cjs',
  format: 'cjs',
  minify: true,
  define: { VERSION: JSON.stringify(packageJson.version), BUNDLE: JSON.stringify(name) },
});
const bundles = [
  {
    ...shared,
    entryPoints: ['src/cli/main.ts'],
    outfile: 'dist/rmq.cjs',
    format: 'cjs',
    minifySyntax: true,
    minifyWhitespace: true,
    ...wrapped,
    plugins: [lazyTls],
    define: { 'import.meta.dirname': '__dirname' },
  },
  // What the package depends on stays outside; the language of expressions is in a file of its own, loaded when one is used.
  {
    ...shared,
    entryPoints: ['src/index.ts'],
    outdir: 'dist',
    format: 'esm',
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
    external: Object.keys(packageJson.dependencies),
  },
];
const declarations = ['-p', '.config/types.json'];

if (process.argv.includes('--watch')) {
  // Without a name nothing is kept: the bundle changes all the time.
  for (const bundle of [boot(''), ...bundles]) await (await context({ ...bundle, logLevel: 'info' })).watch();
  spawn('node_modules/.bin/tsc', [...declarations, '--watch', '--preserveWatchOutput'], { stdio: 'inherit' });
} else {
  await Promise.all(bundles.map((bundle) => build(bundle)));
  await build(boot(createHash('sha256').update(readFileSync('dist/rmq.cjs')).digest('hex').slice(0, 16)));
  execFileSync('node_modules/.bin/tsc', declarations, { stdio: 'inherit' });
}
