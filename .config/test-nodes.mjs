// Runs the tests that need no broker, and a smoke test of the command, with other versions of Node: node .config/test-nodes.mjs [VERSION…]
// The package `node` brings each; it is kept for the next run.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const VERSIONS = ['20', '22', '24', '26'];

const named = process.argv.slice(2);
const wrong = named.filter((version) => !VERSIONS.includes(version));
if (wrong.length > 0) throw new Error(`no such version: ${wrong.join(', ')}; there are ${VERSIONS.join(', ')}`);

const failed = [];
for (const version of named.length > 0 ? named : VERSIONS) {
  const node = installed(version);
  process.stdout.write(`# Node ${execFileSync(node, ['--version'], { encoding: 'utf8' })}`);
  const { status } = spawnSync(node, ['--enable-source-maps', '.config/test.mjs', 'unit', 'test/commands/smoke.test.ts'], { stdio: 'inherit' });
  if (status !== 0) failed.push(version);
}
if (failed.length > 0) process.stderr.write(`failed with Node ${failed.join(', ')}\n`);
process.exitCode = failed.length > 0 ? 1 : 0;

function installed(version) {
  const root = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'rmq', `node-${version}`);
  const node = join(root, 'node_modules/node/bin/node');
  if (!existsSync(node)) execFileSync('npm', ['install', '--no-audit', '--no-fund', '--prefix', root, `node@${version}`], { stdio: ['ignore', 2, 2] });
  return node;
}
