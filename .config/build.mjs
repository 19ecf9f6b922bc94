// Builds dist/: one file for the command, ESM with declarations for the library, both with whatever they need in them, and the man pages.
// With --watch it stays and builds again whatever changes.
import { createHash } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { build, context } from 'esbuild';
import { packChunks } from './chunks.mjs';
import { watchDeclarations, writeDeclarations } from './declarations.mjs';
import { writeNotices } from './notices.mjs';

rmSync('dist', { recursive: true, force: true });
const shared = { bundle: true, platform: 'node', target: 'node20', legalComments: 'none', logLevel: 'warning' };

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

/** Its expressions over all of Unicode take 15 ms to compile; most text is ASCII, whose width needs none of them. */
const lazyWidth = {
  name: 'lazy-width',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^string-width$/ }, ({ path, namespace, resolveDir }) =>
      namespace === 'lazy-width' ? undefined : { path, namespace: 'lazy-width', pluginData: resolveDir },
    );
    onLoad({ filter: /./, namespace: 'lazy-width' }, ({ path, pluginData: resolveDir }) => ({
      contents: `let own; export default (...given) => (own ??= require('${path}').default)(...given);`,
      resolveDir,
    }));
  },
};

/** What Node loads for a millisecond each, and most runs never call. */
const rarelyCalled = ['node:assert', 'node:child_process', 'node:v8'];
/** What holds needs nothing of it: amqplib asks on every connection. */
const assertions =
  'Object.defineProperties((holds,...why)=>holds||load()(holds,...why),' +
  '{...Object.getOwnPropertyDescriptors(lazy),equal:{value:(one,other,...why)=>one===other||load().equal(one,other,...why)}})';
const lazyNode = {
  name: 'lazy-node',
  setup({ onResolve, onLoad }) {
    const wanted = new RegExp(`^(${rarelyCalled.join('|')})$`);
    onResolve({ filter: wanted }, ({ path, namespace }) => (namespace === 'lazy-node' ? { path, external: true } : { path, namespace: 'lazy-node' }));
    onLoad({ filter: wanted, namespace: 'lazy-node' }, async ({ path }) => {
      const getters = Object.keys((await import(path)).default).map((name) => `get ${name}(){return load().${name}}`);
      const lazy = `const load=()=>require('${path}');const lazy={${getters}};`;
      return { contents: `${lazy}module.exports=${path === 'node:assert' ? assertions : 'lazy'}` };
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
/** What the library can be imported as. */
const doors = ['index', 'testing'];

const bundles = [
  {
    ...shared,
    entryPoints: ['src/cli/main.ts'],
    minify: true,
    plugins: [lazyTls, lazyNode, lazyWidth, packChunks('dist/rmq.cjs')],
    define: { 'import.meta.dirname': '__dirname', 'performance.now': 'monotonic' },
  },
  // The language of expressions is in a file of its own, loaded when one is used.
  {
    ...shared,
    entryPoints: doors.map((door) => `src/${door}.ts`),
    outdir: 'dist',
    format: 'esm',
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
    minifySyntax: true,
    minifyWhitespace: true,
    // Packages in CommonJS ask for Node's own modules.
    banner: { js: "import{createRequire as nodeRequire}from'node:module';const require=nodeRequire(import.meta.url);" },
    plugins: [lazyTls],
  },
];

if (process.argv.includes('--watch')) {
  // Without a name nothing is kept: the bundle changes all the time.
  for (const bundle of [boot(''), ...bundles]) await (await context({ ...bundle, logLevel: 'info' })).watch();
  watchDeclarations();
} else {
  const results = await Promise.all(bundles.map((bundle) => build({ ...bundle, metafile: true })));
  await build(boot(createHash('sha256').update(readFileSync('dist/rmq.cjs')).digest('hex').slice(0, 16)));
  writeNotices(results, 'dist/THIRD-PARTY-NOTICES.txt');
  await writeDeclarations(doors);
  await build({ ...shared, entryPoints: ['.config/man.ts'], outfile: 'dist/man.mjs', format: 'esm', packages: 'external' });
  await import('../dist/man.mjs');
  rmSync('dist/man.mjs');
}
