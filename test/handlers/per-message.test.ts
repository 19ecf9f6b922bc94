import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { chmod, mkdir, readdir, rm, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Failure, type FailureKind } from '../../src/model/failure.ts';
import { parseExitTable } from '../../src/model/verdict.ts';
import { isRunning, linesOf, program, scratchDirectory, untilGone } from '../support/programs.ts';
import { inProcess } from './in-process.ts';
import { delivery, each, ear, eventually, filesIn, setEnvironment } from './stage.ts';

/** A temporary directory of the test's own, for this process too. */
async function temporaryDirectory(t: TestContext): Promise<string> {
  const directory = await scratchDirectory(t);
  setEnvironment(t, { TMPDIR: directory });
  return directory;
}

/** Messages below a directory; pipes in the making may be there too. */
async function messageFiles(directory: string): Promise<string[]> {
  return (await filesIn(directory)).filter((file) => /rmq-\w+\/\d+/.test(file));
}

/** Runs the line of shell that is its message. */
const SHELL = ['sh', '-c', 'eval "$(cat)"'];

test('the exit code of the program decides, and travels with the reason and the end of its standard error', async (t) => {
  const { handle } = each(t, SHELL);
  assert.deepEqual(await handle(delivery('exit 0')), { verdict: 'ack', reason: 'exit code 0', exitCode: 0, stderr: '' });
  assert.deepEqual(await handle(delivery('echo no >&2; exit 65')), { verdict: 'dead', reason: 'exit code 65', exitCode: 65, stderr: 'no' });
  assert.deepEqual(await handle(delivery('exit 75')), { verdict: 'requeue', reason: 'exit code 75', exitCode: 75, stderr: '' });
  assert.deepEqual(await handle(delivery('exit 3')), { verdict: 'retry', reason: 'exit code 3', exitCode: 3, stderr: '' });
  assert.deepEqual(await handle(delivery('exit 255')), { verdict: 'retry', reason: 'exit code 255', exitCode: 255, stderr: '' });
});

test('a table of exit codes is followed, also for those that mean that nothing can be run', async (t) => {
  const { handle } = each(t, SHELL, { onExit: parseExitTable('3=dead,127=retry,*=ack') });
  const verdicts = await Promise.all([0, 3, 9, 127].map((code) => handle(delivery(`exit ${code}`))));
  assert.deepEqual(
    verdicts.map(({ verdict }) => verdict),
    ['ack', 'dead', 'ack', 'retry'],
  );
  await assert.rejects(handle(delivery('exit 126')), { kind: 'unexecutable' });
});

test('a program that a signal ends has failed, and the reason names the signal', async (t) => {
  const heard = ear();
  const { handle } = each(t, SHELL, {}, heard.emit);
  for (const [name, number] of [
    ['KILL', 9],
    ['TERM', 15],
    ['INT', 2],
    ['SEGV', 11],
  ] as const) {
    const { verdict, reason, exitCode } = await handle(delivery(`kill -${name} $$`));
    assert.deepEqual([verdict, reason, exitCode], ['retry', `killed by SIG${name}`, 128 + number]);
  }
  // A shell that has something to say about that says it to nobody.
  assert.equal(heard.text(), '');
});

test('a program that kills its own process group fails alone', async (t) => {
  const { handle } = each(t, SHELL);
  for (let count = 0; count < 5; count++) {
    const killed = await handle(delivery('echo last words >&2; kill -9 0'));
    assert.deepEqual([killed.verdict, killed.reason, killed.stderr], ['retry', 'killed by SIGKILL', 'last words']);
    const ended = await handle(delivery('trap "" TERM; kill -TERM 0; exit 4'));
    assert.equal(ended.reason, 'exit code 4');
    assert.equal((await handle(delivery('exit 0'))).verdict, 'ack');
  }
});

test('a program that cannot be started is told apart from one that fails', async (t) => {
  const directory = await scratchDirectory(t);
  const cases: readonly (readonly [readonly string[], FailureKind])[] = [
    [['no-such-program-anywhere'], 'unfound'],
    [[join(directory, 'missing')], 'unfound'],
    [[await program(directory, 'plain', 'no program', 0o644)], 'unexecutable'],
    [[directory], 'unexecutable'],
    [[await program(directory, 'lost', '#!/no/such/interpreter\n')], 'unfound'],
    [['sh', '-c', 'exit 126'], 'unexecutable'],
    [['sh', '-c', 'no-such-program-anywhere'], 'unfound'],
  ];
  for (const [command, kind] of cases) {
    const { handle } = each(t, command);
    for (let count = 0; count < 2; count++)
      await assert.rejects(handle(delivery('body')), (error) => error instanceof Failure && error.kind === kind, command.join(' '));
  }
});

test('a program that disappears between two messages stops the worker', async (t) => {
  const path = await program(await scratchDirectory(t), 'handler', '#!/bin/sh\nexit 3\n');
  const { handle } = each(t, [path]);
  assert.equal((await handle(delivery())).exitCode, 3);
  await chmod(path, 0o644);
  await assert.rejects(handle(delivery()), process.getuid?.() === 0 ? { kind: 'unexecutable' } : { name: 'Failure' });
  await rm(path);
  await assert.rejects(handle(delivery()), { kind: 'unfound' });
});

test('a program is found on the path, past what is no program', async (t) => {
  const directory = await scratchDirectory(t);
  for (const name of ['first', 'second', 'third']) await mkdir(join(directory, name));
  await mkdir(join(directory, 'first', 'handler-here'));
  await program(join(directory, 'second'), 'handler-here', 'no program', 0o644);
  await program(join(directory, 'third'), 'handler-here', 'exit 9\n');
  setEnvironment(t, { PATH: `${['first', 'second', 'third'].map((name) => join(directory, name)).join(':')}:${process.env['PATH']}` });
  assert.equal((await each(t, ['handler-here']).handle(delivery())).exitCode, 9);
});

test('standard output goes where ours does', async () => {
  const { stdout, code } = await inProcess(`
    const { handle, close } = programHandler({ command: ['cat'], fd3: false, onExit }, () => undefined);
    for (const body of ['one ', 'two ']) await handle(delivery(body), { signal: NEVER, attempt: 1 });
    await close();
  `);
  assert.deepEqual([stdout, code], ['one two ', 0]);
});

test('an abort ends the program with everything that it has started, and the next message is none the worse', async (t) => {
  const { handle } = each(t, SHELL, { patience: 50 });
  for (let count = 0; count < 5; count++) {
    const heard = ear();
    const abort = new AbortController();
    const other = each(t, SHELL, { patience: 50 }, heard.emit);
    const stubborn = 'trap "" TERM; (trap "" TERM; while :; do sleep 1; done) & echo $! $$ . >&2; while :; do sleep 1; done';
    const running = other.handle(delivery(stubborn), { signal: abort.signal });
    await heard.until('.');
    abort.abort(new Failure('deadline', 'took too long'));
    const judgement = await running;
    assert.deepEqual([judgement.verdict, judgement.reason, judgement.exitCode], ['retry', 'took too long', 137]);
    const next = await other.handle(delivery('echo next >&2; exit 0'));
    assert.deepEqual(next, { verdict: 'ack', reason: 'exit code 0', exitCode: 0, stderr: 'next' });
    for (const pid of heard.text().split(' ').slice(0, 2)) await untilGone(pid);
  }
  assert.equal((await handle(delivery('exit 0'))).verdict, 'ack');
});

test('after an abort, what is left of the old launcher has nothing to say about the next message', async (t) => {
  const heard = ear();
  const { handle } = each(t, SHELL, {}, heard.emit);
  for (let count = 0; count < 20; count++) {
    const abort = new AbortController();
    const running = handle(delivery(`echo begun-${count} >&2; exec sleep 1000`), { signal: abort.signal });
    await heard.until(`begun-${count}\n`);
    abort.abort();
    const aborted = await running;
    assert.deepEqual([aborted.verdict, aborted.reason], ['retry', 'killed by SIGTERM']);
    // It takes long enough for the old shell to be buried meanwhile.
    const next = await handle(delivery(`i=0; while [ $i -lt 2000 ]; do i=$((i+1)); done; echo next-${count} >&2; exit 7`));
    assert.deepEqual([next.exitCode, next.stderr], [7, `next-${count}`]);
  }
});

test('an abort reaches a program that has made itself a process group of its own', async (t) => {
  const heard = ear();
  const { handle } = each(t, ['setsid', '--wait', 'sh', '-c', 'trap "" TERM; echo $$ . >&2; while :; do sleep 1; done'], { patience: 50 }, heard.emit);
  const abort = new AbortController();
  const running = handle(delivery(), { signal: abort.signal });
  await heard.until('.');
  abort.abort();
  assert.equal((await running).verdict, 'retry');
  await untilGone(heard.text().split(' ')[0] ?? '');
  const timed = ear();
  const limited = each(t, ['timeout', '1000', 'sh', '-c', 'echo $$ . >&2; while :; do sleep 1; done'], { patience: 100_000 }, timed.emit);
  const late = new AbortController();
  const waiting = limited.handle(delivery(), { signal: late.signal });
  await timed.until('.');
  late.abort();
  assert.equal((await waiting).verdict, 'retry');
  await untilGone(timed.text().split(' ')[0] ?? '');
});

test('a message whose time is over before it comes to it runs no program', async (t) => {
  const log = join(await scratchDirectory(t), 'log');
  const { handle } = each(t, ['sh', '-c', `echo ran >> ${log}`]);
  const reason = new Failure('deadline', 'too late');
  assert.deepEqual(await handle(delivery(), { signal: AbortSignal.abort(reason) }), { verdict: 'retry', reason: 'too late' });
  assert.equal((await handle(delivery())).verdict, 'ack');
  for (let count = 0; count < 10; count++) {
    const abort = new AbortController();
    // A large body is still being written.
    const running = handle(delivery(Buffer.alloc(1_000_000)), { signal: abort.signal });
    abort.abort();
    assert.equal((await running).verdict, 'retry');
  }
  assert.deepEqual(await linesOf(log), ['ran']);
  assert.equal((await handle(delivery())).verdict, 'ack');
});

test('an abort after the end changes nothing, and nobody listens for it any more', async (t) => {
  const { handle } = each(t, SHELL);
  const abort = new AbortController();
  const { stderr } = await handle(delivery('sleep 1000 >&- 2>&- & echo $! >&2'), { signal: abort.signal });
  assert.equal(getEventListeners(abort.signal, 'abort').length, 0);
  abort.abort();
  assert.equal((await handle(delivery('exit 0'))).verdict, 'ack');
  assert.equal(await isRunning(stderr ?? ''), true);
  process.kill(Number(stderr), 'SIGKILL');
});

test('what a program leaves in the background, with its streams open, keeps nobody waiting', async () => {
  const { code, stdout } = await inProcess(`
    const { handle, close } = programHandler({ command: ['sh', '-c', 'sleep 1000 & echo $! >&2'], fd3: false, onExit }, () => undefined);
    const { verdict, stderr } = await handle(delivery(), { signal: NEVER, attempt: 1 });
    await close();
    let lives = true;
    try { process.kill(stderr, 'SIGKILL') } catch { lives = false }
    console.log(verdict, lives);
  `);
  assert.deepEqual([code, stdout], [0, 'ack true\n']);
});

test('a launcher that something has killed between two messages is replaced', async (t) => {
  const { handle } = each(t, ['sh', '-c', 'cat >/dev/null; echo $PPID >&2']);
  for (const body of ['', Buffer.alloc(5_000_000)]) {
    const { stderr: shell = '' } = await handle(delivery());
    process.kill(Number(shell), 'SIGKILL');
    const next = await handle(delivery(body));
    assert.deepEqual([next.verdict, next.exitCode], ['ack', 0]);
    assert.notEqual(next.stderr, shell);
  }
});

test('a launcher that something has killed under its program fails the message, and the program goes too', async (t) => {
  const heard = ear();
  const { handle } = each(t, ['sh', '-c', 'echo $$ . >&2; kill -9 $PPID; exec sleep 1000'], {}, heard.emit);
  assert.equal((await handle(delivery())).reason, 'killed by SIGKILL');
  await untilGone(heard.text().split(' ')[0] ?? '');
});

test('a shell that can start no program gives the message back', async (t) => {
  const directory = await scratchDirectory(t);
  const handler = await program(directory, 'handler', 'exit 0\n');
  // As it does when there are no more processes: it understands the first lines, and ends by itself.
  await program(directory, 'sh', '#!/bin/sh\nread -r a; read -r b; read -r begun; eval "$begun"; exit 2\n');
  setEnvironment(t, { PATH: `${directory}:${process.env['PATH']}` });
  const { verdict, reason } = await each(t, [handler]).handle(delivery());
  assert.equal(verdict, 'requeue');
  assert.match(reason ?? '', /no program can be started now/);
});

test('any shell will do', async (t) => {
  const directory = await scratchDirectory(t);
  const show = await program(directory, 'show', '#!/bin/dash\ncat; printf "%s|" "$@" "$RMQ_HEADER_A" >&2; exit 5\n');
  for (const shell of ['/bin/dash', '/bin/bash']) {
    await symlink(shell, join(directory, 'sh'));
    setEnvironment(t, { PATH: `${directory}:${process.env['PATH']}` });
    const value = "it's $(id) \n*";
    const { exitCode, stderr } = await each(t, [show, "a'b", '$HOME', 'x\ny']).handle(delivery('', { properties: { headers: { a: value } } }));
    assert.deepEqual([exitCode, stderr], [5, `a'b|$HOME|x\ny|${value}|`], shell);
    await rm(join(directory, 'sh'));
  }
});

test('messages are files that nobody else may read, and nothing is left of them', async (t) => {
  const gate = join(await scratchDirectory(t), 'gate');
  const directory = await temporaryDirectory(t);
  const heard = ear();
  const { handle, close } = each(t, ['sh', '-c', `echo begun >&2; until [ -e ${gate} ]; do sleep 0.05; done`], { fd3: true }, heard.emit);
  const running = [delivery('small'), delivery(Buffer.alloc(1_000_000))].map((message) => handle(message));
  await heard.until('begun\nbegun\n');
  const files = await messageFiles(directory);
  assert.equal(files.length, 4);
  for (const file of files) {
    assert.equal((await stat(join(directory, file))).mode & 0o777, 0o600, file);
    assert.equal((await stat(join(directory, file, '..'))).mode & 0o777, 0o700, file);
  }
  await program(join(gate, '..'), 'gate', '');
  await Promise.all(running);
  await eventually(async () => (await messageFiles(directory)).length === 0);
  await close();
  await eventually(async () => (await filesIn(directory)).length === 0);
});

test('a process that leaves in a hurry takes running programs along, and leaves no message behind', async (t) => {
  const directory = await temporaryDirectory(t);
  const { code, stdout } = await inProcess(`
    process.env.TMPDIR = ${JSON.stringify(directory)};
    const heard = ear();
    const { handle } = programHandler({ command: ['sh', '-c', 'sleep 1000 & echo $! $$ . >&2; wait'], fd3: true, onExit }, heard.emit);
    handle(delivery('secret'), { signal: NEVER, attempt: 1 });
    await heard.until('.');
    process.stdout.write(heard.text(), () => process.exit(9));
  `);
  assert.equal(code, 9);
  for (const pid of stdout.split(' ').slice(0, 2)) await untilGone(pid);
  assert.deepEqual(
    (await filesIn(directory)).filter((file) => file.startsWith('rmq-')),
    [],
  );
});

test('where there is no temporary directory, or no longer, bodies go another way', async (t) => {
  const body = Buffer.alloc(1_000_000, 'x');
  const directory = await scratchDirectory(t);
  for (const place of ['/dev/null/nowhere', '/proc']) {
    setEnvironment(t, { TMPDIR: place });
    const { verdict, stderr } = await each(t, ['sh', '-c', 'wc -c >&2']).handle(delivery(body));
    assert.deepEqual([verdict, stderr?.trim()], ['ack', '1000000'], place);
  }
  setEnvironment(t, { TMPDIR: directory });
  const { handle } = each(t, ['sh', '-c', 'wc -c >&2']);
  for (let count = 0; count < 3; count++) {
    const { verdict, stderr } = await handle(delivery(body));
    assert.deepEqual([verdict, stderr?.trim()], ['ack', '1000000']);
    // Pipes for later programs may just be made there.
    for (const file of await readdir(directory)) await rm(join(directory, file), { recursive: true, force: true, maxRetries: 20 });
  }
});

test('where there is no shell, programs run all the same', async (t) => {
  const directory = await scratchDirectory(t);
  setEnvironment(t, { PATH: directory });
  const { handle } = each(t, [process.execPath, '-e', 'process.stdin.pipe(process.stderr)']);
  for (const body of ['one', 'two']) assert.deepEqual(await handle(delivery(body)), { verdict: 'ack', reason: 'exit code 0', exitCode: 0, stderr: body });
});

test('close ends what still runs, and what comes later', async (t) => {
  for (const TMPDIR of [undefined, '/dev/null/nowhere']) {
    setEnvironment(t, { TMPDIR });
    const heard = ear();
    const { handle, close } = each(t, SHELL, { patience: 50 }, heard.emit);
    const running = [1, 2].map(() => handle(delivery('trap "" TERM; echo $$ . >&2; while :; do sleep 1; done')));
    await heard.until(/\..*\./s);
    await close();
    for (const { verdict } of await Promise.all(running)) assert.equal(verdict, 'retry');
    for (const pid of heard.text().split(/[ .\n]+/)) if (pid !== '') await untilGone(pid);
    assert.equal((await handle(delivery('exit 0'))).verdict, 'retry');
  }
});

test('20 messages at once keep their output to themselves, and take no more launchers than that', async (t) => {
  const warnings: Error[] = [];
  const warned = (warning: Error): number => warnings.push(warning);
  process.on('warning', warned);
  t.after(() => process.off('warning', warned));
  const heard = ear();
  const { signal } = new AbortController();
  const speak = 'n=$(cat); i=0; while [ $i -lt 50 ]; do echo "err $n" >&2; i=$((i+1)); done; echo "$PPID" >&2; exit $((n % 3))';
  const { handle } = each(t, ['sh', '-c', speak], {}, heard.emit);
  const shells = new Set<string>();
  for (let round = 0; round < 3; round++) {
    const judgements = await Promise.all(Array.from({ length: 20 }, (_, index) => handle(delivery(String(index)), { signal })));
    for (const [index, { exitCode, stderr = '' }] of judgements.entries()) {
      const lines = stderr.split('\n');
      shells.add(lines.pop() ?? '');
      assert.deepEqual([exitCode, lines], [index % 3, Array.from({ length: 19 }, () => `err ${index}`)]);
    }
  }
  assert.ok(shells.size <= 20, `${shells.size} shells`);
  assert.equal(heard.text().match(/err \d+\n/g)?.length, 3 * 20 * 50);
  assert.deepEqual(warnings, []);
});

test('a process ends when its handlers are closed', async () => {
  const { code, stderr } = await inProcess(`
    const { handle, close } = programHandler({ command: ['sh', '-c', 'exit $(cat)'], fd3: false, onExit, patience: 100_000 }, () => undefined);
    const soon = AbortSignal.timeout(100);
    const messages = [['0', NEVER], ['3', NEVER], ['$(sleep 1000)', soon]];
    await Promise.all(messages.map(([body, signal]) => handle(delivery(body), { signal, attempt: 1 })));
    await close();
  `);
  assert.equal(code, 0, stderr);
});
