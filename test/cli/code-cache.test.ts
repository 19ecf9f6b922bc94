import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, chown, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Script } from 'node:vm';
import { readCache, writeCache } from '../../src/cli/code-cache.ts';
import { rmq } from '../support/rmq.ts';

const BIN = fileURLToPath(new URL('../../bin/rmq.js', import.meta.url));

async function ownDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'rmq-code-cache-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** Runs a command that needs no broker, and whose output is known. */
async function matches(env: Readonly<Record<string, string | undefined>>): Promise<void> {
  const { code, stdout, stderr } = await rmq(['topic', 'match', 'a.*', 'a.b'], { env });
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  assert.match(stdout, /a\.b/);
}

/** A directory in which runs have left their file: the first one what they need, the second one what V8 compiled of it. */
async function filled(t: TestContext, runs = 2): Promise<{ readonly home: string; readonly directory: string; readonly file: string }> {
  const home = await ownDirectory(t);
  for (let run = 0; run < runs; run++) await matches({ XDG_CACHE_HOME: home });
  const directory = join(home, 'rmq', 'v8');
  const [name, ...others] = await readdir(directory);
  assert.ok(name !== undefined && others.length === 0);
  return { home, directory, file: join(directory, name) };
}

const inode = async (path: string): Promise<number> => (await stat(path)).ino;

describe('what V8 compiled', () => {
  it('is kept for the next runs of a command, which take it as it is', async (t) => {
    const { home, directory, file } = await filled(t);
    assert.equal((await stat(directory)).mode & 0o777, 0o700);
    const before = await inode(file);
    await matches({ XDG_CACHE_HOME: home });
    assert.equal(await inode(file), before);
    assert.equal((await rmq(['topic', 'match', '--help'], { env: { XDG_CACHE_HOME: home } })).code, 0);
    assert.equal((await readdir(directory)).length, 2);
  });

  it('is what V8 accepts', async (t) => {
    const place = join(await ownDirectory(t), 'v8', 'code');
    const source = `${'/* long */'.repeat(100)} (function () { return 42; })`;
    writeCache(place, () => new Script(source).createCachedData());
    const cachedData = readCache(place);
    assert.ok(cachedData);
    assert.equal(new Script(source, { cachedData }).cachedDataRejected, false);
  });

  it('is not kept of a run that failed', async (t) => {
    const home = await ownDirectory(t);
    assert.equal((await rmq(['topic', 'publish'], { env: { XDG_CACHE_HOME: home } })).code, 64);
    assert.deepEqual(await readdir(home), []);
  });

  const damages: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
    'with another byte': (bytes) => {
      const at = bytes.length >> 2;
      bytes[at] = ~(bytes[at] ?? 0) & 0xff;
      return bytes;
    },
    'cut off': (bytes) => bytes.subarray(0, bytes.length - 7),
    'cut in half': (bytes) => bytes.subarray(0, bytes.length / 2),
    'of zeros': (bytes) => bytes.fill(0),
    empty: () => Buffer.alloc(0),
  };
  for (const [how, damage] of Object.entries(damages)) {
    it(`is replaced when it is ${how}`, async (t) => {
      const { home, file } = await filled(t);
      const before = await inode(file);
      const damaged = damage(await readFile(file));
      await writeFile(file, damaged);
      await matches({ XDG_CACHE_HOME: home });
      assert.notEqual(await inode(file), before);
      assert.notDeepEqual(await readFile(file), damaged);
    });
  }

  it('is not taken out of a directory or a file that others may write', async (t) => {
    const { home, directory, file } = await filled(t);
    assert.ok(readCache(file));
    await chmod(file, 0o602);
    assert.equal(readCache(file), undefined);
    await chmod(file, 0o600);
    await chmod(directory, 0o770);
    assert.equal(readCache(file), undefined);
    const before = await inode(file);
    await matches({ XDG_CACHE_HOME: home });
    assert.equal(await inode(file), before);
  });

  it('is not taken out of what a link leads to', async (t) => {
    const { directory, file } = await filled(t);
    const moved = `${directory}.moved`;
    await rename(directory, moved);
    await symlink(moved, directory);
    assert.equal(readCache(file), undefined);
    const other = join(moved, 'other');
    await symlink(file, other);
    assert.equal(readCache(other), undefined);
  });

  it('is neither taken from nor left to another user', async (t) => {
    const { directory, file } = await filled(t);
    if (process.geteuid?.() === 0) {
      await chown(directory, 65_534, 65_534);
      assert.equal(readCache(file), undefined);
      await matches({ XDG_CACHE_HOME: directory });
      assert.equal((await readdir(directory)).length, 1);
    } else {
      assert.equal(readCache('/etc/passwd'), undefined);
      await matches({ XDG_CACHE_HOME: '/usr' });
    }
  });

  it('keeps no run from its work where there is no place for it', async (t) => {
    const home = await ownDirectory(t);
    await writeFile(join(home, 'file'), '');
    for (const place of ['/proc', '/dev/null', join(home, 'file'), 'relative', '']) await matches({ XDG_CACHE_HOME: place, HOME: '/nonexistent' });
    await matches({ XDG_CACHE_HOME: undefined, HOME: '' });
    await matches({ XDG_CACHE_HOME: undefined, HOME: undefined, USER: undefined });
    assert.deepEqual(await readdir(home), ['file']);
  });

  it('is left out where the disk is full', async (t) => {
    const { home, directory, file } = await filled(t, 1);
    const before = await inode(file);
    const limited = ['-c', 'ulimit -f 8; exec "$@"', 'sh', process.execPath, BIN, 'topic', 'match', 'a.*', 'a.b'];
    const { stderr } = await promisify(execFile)('sh', limited, { env: { ...process.env, XDG_CACHE_HOME: home } });
    assert.equal(stderr, '');
    assert.equal(await inode(file), before);
    assert.equal((await readdir(directory)).length, 1);
  });

  it('is whole when several runs keep it at the same time', async (t) => {
    const home = await ownDirectory(t);
    await Promise.all(Array.from({ length: 6 }, () => matches({ XDG_CACHE_HOME: home })));
    const [name, ...others] = await readdir(join(home, 'rmq', 'v8'));
    assert.deepEqual(others, []);
    assert.ok(readCache(join(home, 'rmq', 'v8', name ?? '')));
  });

  it('takes no more room than 24 files', async (t) => {
    const { home, directory, file } = await filled(t);
    for (let number = 0; number < 30; number++) await writeFile(join(directory, `older-${number}`), '');
    await rm(file);
    await matches({ XDG_CACHE_HOME: home });
    const left = await readdir(directory);
    assert.equal(left.length, 24);
    assert.ok(readCache(file));
  });
});

describe('--version', () => {
  it('is answered without the bundle, and as the bundle does', async (t) => {
    const home = await ownDirectory(t);
    const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
    for (const args of [['--version'], ['-V'], ['publish', '--version']]) {
      const { code, stdout } = await rmq(args, { env: { XDG_CACHE_HOME: home } });
      assert.deepEqual({ code, stdout }, { code: 0, stdout: `${version}\n` });
    }
    assert.equal((await readdir(join(home, 'rmq', 'v8'))).length, 1);
  });
});
