// Whether the package can be given to people: packs it, installs it into an empty place as another user, and uses it there as they would.
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';

const MOST = 4_500_000;
/** The user nobody, where there is a choice. */
const USER = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
const PROGRAM = `import { Failure, openPublisher, openSession, type PublishCounts, publishMessages, type Session, workQueue } from 'rmq';
import { startBroker, type TestBroker } from 'rmq/testing';

const url = 'amqp://localhost';
export const run = (session: Session): Promise<PublishCounts> => publishMessages(session, {}, [{ routingKey: 'q', body: 'b' }]);
export const service = async (): Promise<void> => {
  const session = openSession({ url, onEvent: ({ kind, queue }) => console.log(kind, queue?.length) });
  const worker = workQueue(session, { queue: 'q', dlx: 'dlx', retries: 2 }, async ({ body }, { signal, attempt }) =>
    body.length > 0 && attempt < 3 && !signal.aborted ? 'ack' : { verdict: 'dead', reason: 'empty' },
  );
  await worker.ready;
  const publisher = await openPublisher(session, { timeout: 5_000 });
  await publisher.publish({ routingKey: 'q', body: new Uint8Array(3) }, { signal: AbortSignal.timeout(1_000) });
  const { acknowledged }: { acknowledged: number } = await worker.stop();
  console.log(acknowledged, session.status().every(({ state }) => state === 'connected'));
};
export const broker = (): Promise<TestBroker> => startBroker({ nodes: 1 });
// @ts-expect-error an option is spelled wrong
export const misspelt = (): Session => openSession({ url, heartbeats: 1 });
// @ts-expect-error durations are numbers
export const wrong = (session: Session): unknown => workQueue(session, { queue: 'q', grace: '5s' }, async () => 'ack');
console.log(new Failure('usage', 'it can be imported') instanceof Error);
`;
/** How programs are compiled: each finds the door in its own way. */
const COMPILERS = [
  { module: 'esnext', moduleResolution: 'bundler' },
  { module: 'node16', moduleResolution: 'node16' },
  { module: 'nodenext', moduleResolution: 'nodenext' },
];

const place = mkdtempSync(join(tmpdir(), 'rmq-release-'));
const [home, prefix, project] = ['home', 'prefix', 'project'].map((name) => join(place, name));
const env = {
  HOME: home,
  LANG: 'C.UTF-8',
  PATH: [join(prefix, 'bin'), dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin', '/usr/sbin', '/sbin'].join(delimiter),
};

try {
  check();
} finally {
  run(home, 'sh', ['-c', 'command -v rmq >/dev/null && rmq broker stop >/dev/null 2>&1 || :']);
  rmSync(place, { recursive: true, force: true });
}

function check() {
  const [{ filename }] = JSON.parse(execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', place], { encoding: 'utf8' }));
  const tarball = join(place, filename);
  for (const directory of [home, prefix, project]) mkdirSync(directory);
  chmodSync(place, 0o755);
  for (const path of [home, prefix, tarball]) if (USER.uid !== undefined) chownSync(path, USER.uid, USER.gid);

  run(home, 'npm', ['install', '--offline', '--no-audit', '--no-fund', '--global', '--prefix', prefix, tarball]);
  const installed = join(prefix, 'lib', 'node_modules');
  const size = bytesIn(installed);
  ok(size <= MOST, `${(size / 1e6).toFixed(2)} MB are installed, of ${MOST / 1e6} at most`);
  ok(readdirSync(installed).join() === 'rmq' && !readdirSync(join(installed, 'rmq')).includes('node_modules'), 'nothing else is installed with it');
  const files = readdirSync(join(installed, 'rmq'), { recursive: true });
  for (const file of ['LICENSE', 'README.md', 'CHANGELOG.md', 'dist/THIRD-PARTY-NOTICES.txt']) ok(files.includes(file), `it has ${file}`);
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
  ok(run(home, 'rmq', ['--version']) === `${version}\n`, `rmq --version is ${version}`);
  ok(run(home, 'rmq', ['help', 'exit-codes']).includes('unroutable'), 'rmq help has its pages');
  for (const page of ['man1/rmq.1', 'man1/rmq-dlx.1', 'man7/rmq-exit-codes.7']) ok(statSync(join(prefix, 'share/man', page)).size > 0, `man finds ${page}`);
  for (const block of oneLiners()) run(home, 'bash', ['-euo', 'pipefail', '-c', block]);
  ok(true, "the README's one-liners work");
  const step = join(place, 'start.sh');
  cpSync('.github/actions/rmq/start.sh', step);
  const runner = { RMQ_PACKAGE: tarball, RMQ_BROKER: 'true', RUNNER_TEMP: home, GITHUB_ENV: join(home, 'env'), GITHUB_OUTPUT: join(home, 'output') };
  run(home, step, [], { ...runner, npm_config_prefix: prefix, npm_config_offline: 'true' });
  run(home, 'sh', ['-euc', '. ./env; rmq queue declare action -u "$RABBITMQ_URL"; grep -q "^url=amqp://" output']);
  ok(true, 'the action installs it and starts a broker');

  const engine = ['docker', 'podman'].find((name) => spawnSync(name, ['info'], { stdio: 'ignore' }).status === 0);
  if (engine === undefined) process.stdout.write('no container engine runs here: .github/Dockerfile is not tried\n');
  else {
    execFileSync(engine, ['build', '--file', '.github/Dockerfile', '--tag', 'rmq-release-check', '.'], { stdio: ['ignore', 'ignore', 'inherit'] });
    const said = execFileSync(engine, ['run', '--rm', '--read-only', 'rmq-release-check', '--version'], { encoding: 'utf8' });
    ok(said === `${version}\n`, 'the container image runs');
  }

  writeFileSync(join(project, 'package.json'), '{"name":"project","private":true}\n');
  execFileSync('npm', ['install', '--offline', '--no-audit', '--no-fund', tarball], { cwd: project, stdio: ['ignore', 'pipe', 'inherit'] });
  for (const path of ['@types/node', 'undici-types']) cpSync(join('node_modules', path), join(project, 'node_modules', path), { recursive: true });
  for (const extension of ['mts', 'cts']) writeFileSync(join(project, `program.${extension}`), PROGRAM);
  for (const compiler of COMPILERS) {
    const options = { ...compiler, target: 'es2022', lib: ['es2023'], types: ['node'], strict: true, skipLibCheck: false, rootDir: '.', outDir: 'out' };
    const programs = compiler.moduleResolution === 'bundler' ? ['program.mts'] : ['program.mts', 'program.cts'];
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: programs }));
    execFileSync(resolve('node_modules/.bin/tsc'), ['-p', project], { stdio: 'inherit' });
    ok(true, `types under ${compiler.moduleResolution}: ${programs.join(' and ')}`);
  }
  for (const file of ['program.mjs', 'program.cjs']) ok(run(project, 'node', [join('out', file)]) === 'true\n', `${file} runs`);
}

/** The blocks of the README by which somebody gets to know rmq. */
function oneLiners() {
  const blocks = [...readFileSync('README.md', 'utf8').matchAll(/```sh\n([\s\S]*?)```/g)].map(([, lines]) => lines);
  const found = blocks.filter((lines) => /rmq publish -q orders ("hello"|--lines)/.test(lines));
  ok(found.length > 0, 'the README has one-liners');
  return found;
}

/** Runs a program as the user who has installed it; what it prints. */
function run(cwd, program, args, more = {}) {
  return execFileSync(program, args, {
    cwd,
    env: { ...env, ...more },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 100_000_000,
    timeout: 180_000,
    ...USER,
  });
}

function bytesIn(directory) {
  return readdirSync(directory, { recursive: true })
    .map((file) => statSync(join(directory, file)))
    .reduce((sum, stats) => sum + (stats.isFile() ? stats.size : 0), 0);
}

function ok(holds, what) {
  if (!holds) throw new Error(`it is not true that ${what}`);
  process.stdout.write(`ok: ${what}\n`);
}
