// Runs tests: node .config/test.mjs [unit | brokers | FILE…], all of them unless told.
// They are bundled once: a loader costs each file a quarter of a second of a core. Tests mostly wait, so there are more files at once than cores.
import { setMaxListeners } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { run } from 'node:test';
import { spec, tap } from 'node:test/reporters';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { allTests, brokerTests, longestFirst, unitTests } from './test-files.mjs';

const JOBS = Math.max(5, availableParallelism());
/** Milliseconds after which a file has failed: a test that waits for ever costs no more than its own result. The longest takes two minutes. */
const TIMEOUT = 600_000;
const SETS = { unit: unitTests, brokers: brokerTests };

const named = process.argv.slice(2);
const files = longestFirst(named.length === 0 ? allTests : named.flatMap((name) => SETS[name] ?? name));

// A context that is in use would win over the tests' broker.
process.env.RMQ_CONTEXT = '';

// Here they find the packages that they import, and this one.
const outdir = mkdtempSync('.tests-');
process.on('exit', () => rmSync(outdir, { recursive: true, force: true }));
const stopped = new AbortController();
setMaxListeners(0, stopped.signal);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => stopped.abort());

/** A file knows itself by its own name, not by that of its bundle: tests find other files beside them. */
const ownNames = {
  name: 'own-names',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, ({ path }) => {
      const contents = readFileSync(path, 'utf8').replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href));
      return { contents, loader: 'ts' };
    });
  },
};

await build({
  entryPoints: files,
  outdir,
  outbase: '.',
  outExtension: { '.js': '.mjs' },
  bundle: true,
  splitting: true,
  packages: 'external',
  platform: 'node',
  target: 'node20',
  format: 'esm',
  sourcemap: 'linked',
  sourcesContent: false,
  logLevel: 'warning',
  plugins: [ownNames],
});

const bundles = files.map((file) => resolve(outdir, file.replace(/\.ts$/, '.mjs')));
const results = run({ files: bundles, concurrency: JOBS, timeout: TIMEOUT, signal: stopped.signal });
results.on('test:fail', () => {
  process.exitCode = 1;
});
results.compose(process.stdout.isTTY ? new spec() : tap).pipe(process.stdout);
