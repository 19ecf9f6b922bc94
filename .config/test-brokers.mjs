// Runs the tests that talk to a broker against other versions of RabbitMQ, each in private nodes of its own:
//   node .config/test-brokers.mjs [VERSION…] [-- TEST-FILE…]
// As root on Debian, a version is unpacked from the release that has it, and kept for the next run. Elsewhere Docker or Podman runs it.
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const RELEASES = new Map([
  ['3.10', 'bookworm'],
  ['4.0', 'trixie'],
  ['4.3', 'forky'],
]);

const [versions, files] = separated(process.argv.slice(2));
const wrong = versions.filter((version) => !RELEASES.has(version));
if (wrong.length > 0) throw new Error(`no such version: ${wrong.join(', ')}; there are ${[...RELEASES.keys()].join(', ')}`);

const failed = [];
for (const version of versions.length > 0 ? versions : RELEASES.keys()) {
  const { name, env } = server(version);
  process.stdout.write(`# RabbitMQ ${name}\n`);
  const tests = files.length > 0 ? files : ['brokers'];
  const run = ['bin/rmq.js', 'broker', 'run', '--', process.execPath, '--enable-source-maps', '.config/test.mjs', ...tests];
  const { RABBITMQ_URL: _, ...others } = process.env;
  const { status } = spawnSync(process.execPath, run, { stdio: 'inherit', env: { ...others, ...env } });
  if (status !== 0) failed.push(name);
}
if (failed.length > 0) process.stderr.write(`failed against RabbitMQ ${failed.join(', ')}\n`);
process.exitCode = failed.length > 0 ? 1 : 0;

function separated(args) {
  const at = args.indexOf('--');
  return at < 0 ? [args, []] : [args.slice(0, at), args.slice(at + 1)];
}

/** What makes `rmq broker` run this version. */
function server(version) {
  if (process.platform === 'linux' && process.getuid() === 0 && existsSync('/etc/debian_version')) {
    const root = unpacked(RELEASES.get(version));
    const [found] = readdirSync(join(root, 'usr/lib/rabbitmq/lib'));
    return { name: found.replace('rabbitmq_server-', ''), env: { RMQ_RABBITMQ_SERVER: script(root) } };
  }
  return { name: version, env: { RMQ_RABBITMQ_IMAGE: `rabbitmq:${version}-management` } };
}

/** The directory with a Debian release that has RabbitMQ in it. */
function unpacked(release) {
  const root = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'rmq', release);
  const complete = join(root, '.complete');
  if (existsSync(complete)) return root;
  const quietly = { stdio: ['ignore', 2, 2], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  if (!existsSync('/usr/sbin/debootstrap')) {
    execFileSync('apt-get', ['update'], quietly);
    execFileSync('apt-get', ['install', '--yes', '--no-install-recommends', 'debootstrap'], quietly);
  }
  // An older debootstrap does not know the names of newer releases; all since sid are unpacked alike.
  const recipe = join('/usr/share/debootstrap/scripts', release);
  if (!existsSync(recipe)) symlinkSync('sid', recipe);
  rmSync(root, { recursive: true, force: true });
  mkdirSync(root, { recursive: true });
  execFileSync('debootstrap', ['--no-check-gpg', '--variant=minbase', '--include=rabbitmq-server', release, root, mirror()], quietly);
  writeFileSync(complete, '');
  return root;
}

/** Where this machine gets its packages from. */
function mirror() {
  const sources = readdirSync('/etc/apt/sources.list.d').map((file) => readFileSync(join('/etc/apt/sources.list.d', file), 'utf8'));
  if (existsSync('/etc/apt/sources.list')) sources.push(readFileSync('/etc/apt/sources.list', 'utf8'));
  const found = /^(?:URIs:|deb (?:\[.*\] )?)\s*(\S+)/m.exec(sources.join('\n'));
  if (found === null) throw new Error('apt has no sources');
  return found[1];
}

/** A start script that puts the release's programs in the place of the installed ones, for its own process and those that it starts. */
function script(root) {
  copyFileSync('/etc/hosts', join(root, 'etc/hosts'));
  const path = join(root, 'rabbitmq-server');
  const mounts = ['etc', 'usr'].map((directory) => `mount --bind ${root}/${directory} /${directory}`);
  const inside = [...mounts, 'exec /usr/lib/rabbitmq/bin/rabbitmq-server "$@"'].join(' && ');
  writeFileSync(path, `#!/bin/sh\nexec unshare --mount sh -c '${inside}' sh "$@"\n`, { mode: 0o755 });
  return path;
}
