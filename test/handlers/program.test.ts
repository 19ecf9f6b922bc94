import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import { Failure, type FailureKind } from '../../src/model/failure.ts';
import { isRunning, linesOf, program, scratchDirectory, untilGone } from '../support/programs.ts';
import { inProcess } from './in-process.ts';
import { AWKWARD, delivery, ear, NEVER, run, setEnvironment } from './stage.ts';

const ROOM = { maxBytes: 20_000_000 };
const BOTH = `sh -c 'echo $$ >&2; trap "" TERM; while :; do sleep 1; done' & `;

test('arguments reach the program as they are: no shell reads them', async () => {
  const { stdout } = await run(['printf', '[%s]', ...AWKWARD], { collect: ROOM });
  assert.equal(stdout.toString(), AWKWARD.map((argument) => `[${argument}]`).join(''));
});

test("a shell's own word is the program of that name, or none", async (t) => {
  const directory = await scratchDirectory(t);
  for (const word of ['echo', 'test', 'exit']) await program(directory, word, `#!/bin/sh\nprintf 'program ${word} %s' "$1"\n`);
  setEnvironment(t, { PATH: `${directory}:${process.env['PATH']}` });
  for (const word of ['echo', 'test', 'exit']) {
    const { stdout } = await run([word, '5'], { collect: ROOM });
    assert.equal(stdout.toString(), `program ${word} 5`);
  }
  await assert.rejects(run(['unset', 'HOME']), { kind: 'unfound' });
});

test('the body is on standard input byte for byte', async () => {
  for (const body of [Buffer.alloc(0), Buffer.from([0]), Buffer.from('\0a\0\n\r\n\xff'), randomBytes(10_000_000)]) {
    const { stdout, code } = await run(['cat'], { delivery: delivery(body), collect: ROOM });
    assert.equal(code, 0);
    assert.ok(stdout.equals(body), `${body.length} bytes in, ${stdout.length} out`);
  }
});

test('the envelope is on descriptor 3 when it is asked for, and there is no such descriptor otherwise', async () => {
  const message = delivery('the body', { routingKey: 'a.b', properties: { messageId: 'm-1', headers: { tenant: 'acme' } } });
  const { stdout } = await run(['sh', '-c', 'cat <&3'], { delivery: message, fd3: true, collect: ROOM });
  const lines = stdout.toString().split('\n');
  assert.equal(lines.length, 2);
  const { body, routingKey, properties } = JSON.parse(lines[0] ?? '');
  assert.deepEqual([body, routingKey, properties.messageId, properties.headers], ['the body', 'a.b', 'm-1', { tenant: 'acme' }]);
  assert.equal((await run(['sh', '-c', '[ ! -e /proc/self/fd/3 ]'])).code, 0);
});

test('a program need not read its envelope or its body, and may close its standard input', async () => {
  const large = delivery(Buffer.alloc(10_000_000));
  assert.equal((await run(['true'], { delivery: large, fd3: true })).code, 0);
  assert.equal((await run(['sh', '-c', 'exec <&-; exit 4'], { delivery: large })).code, 4);
  assert.equal((await run(['head', '-c', '5'], { delivery: large, collect: ROOM })).stdout.length, 5);
});

test('standard streams can be opened by name', async () => {
  const { stdout, stderr, code } = await run(['sh', '-c', 'cat /dev/stdin >/dev/stdout && echo said >/dev/stderr'], {
    delivery: delivery('body'),
    collect: ROOM,
  });
  assert.deepEqual([stdout.toString(), stderr, code], ['body', 'said', 0]);
});

test('standard output goes where ours does, or is collected', async () => {
  const { stdout, code } = await inProcess(`await run(['cat'], { delivery: delivery('to our stdout') });`);
  assert.deepEqual([stdout, code], ['to our stdout', 0]);
  assert.equal((await run(['cat'], { delivery: delivery('x'.repeat(1_000)), collect: { maxBytes: 1_000 } })).stdout.length, 1_000);
});

test('a program that prints more than is wanted is stopped', async () => {
  const heard = ear();
  const endless = await run(['sh', '-c', 'echo $$ >&2; exec yes'], { collect: { maxBytes: 1_000_000 }, emit: heard.emit });
  assert.equal(endless.overflowed, true);
  assert.equal(endless.signal, 'SIGTERM');
  assert.ok(endless.stdout.length <= 1_000_000);
  await untilGone(endless.stderr);
  const large = await run(['head', '-c', '100000000', '/dev/zero'], { collect: { maxBytes: 1_000_000 } });
  assert.equal(large.overflowed, true);
  const tooMuch = await run(['cat'], { delivery: delivery('x'.repeat(1_001)), collect: { maxBytes: 1_000 } });
  assert.equal(tooMuch.overflowed, true);
});

test('what a program leaves behind is ended when it prints more than is wanted', async () => {
  const timers = (): number => process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;
  const before = timers();
  // It begins in earnest when the program has ended.
  const script = '(while [ -e /proc/$$/cwd ]; do printf .; done; exec yes) & echo $! >&2; exit 3';
  const { overflowed, code, stderr } = await run(['sh', '-c', script], { collect: ROOM });
  assert.deepEqual([overflowed, code], [true, 3]);
  await untilGone(stderr);
  assert.equal(timers(), before);
});

test('standard error is passed on at once, also without a newline', async (t) => {
  const gate = join(await scratchDirectory(t), 'gate');
  const heard = ear();
  const running = run(['sh', '-c', `printf begun >&2; until [ -e ${gate} ]; do sleep 0.05; done; printf ended >&2`], { emit: heard.emit });
  await heard.until('begun');
  assert.doesNotMatch(heard.text(), /ended/);
  await program(join(gate, '..'), 'gate', '');
  assert.equal((await running).stderr, 'begunended');
});

test('the last 20 lines of standard error are kept, in 4 KiB of whole characters', async () => {
  const lines = await run(['sh', '-c', 'seq 1 100 >&2']);
  assert.equal(lines.stderr, Array.from({ length: 20 }, (_, index) => index + 81).join('\n'));
  for (const before of ['', 'x', 'xx', 'xxx']) {
    const { stderr } = await run(['sh', '-c', 'cat >&2'], { delivery: delivery(`${'😀'.repeat(2_000)}${before}`) });
    assert.match(stderr, new RegExp(`^(😀)+${before}$`, 'u'));
    assert.ok(Buffer.byteLength(stderr) > 4_090 && Buffer.byteLength(stderr) <= 4_096);
  }
  assert.equal((await run(['sh', '-c', 'printf "a\\n\\n\\n" >&2'])).stderr, 'a');
});

test('100 MB of standard error pass through without being kept', async () => {
  let bytes = 0;
  const { maxRSS: before } = process.resourceUsage();
  const { code, stderr } = await run(['sh', '-c', 'head -c 100000000 /dev/zero >&2; echo end >&2; exit 3'], {
    emit: (event) => {
      if (event.kind === 'handler-output') bytes += event.bytes.length;
    },
  });
  assert.deepEqual([bytes, code, stderr.slice(-3)], [100_000_004, 3, 'end']);
  const grown = process.resourceUsage().maxRSS - before;
  assert.ok(grown < 60_000, `${grown} KB more`);
});

test('the exit code is known, and which signal has ended it', async () => {
  for (const code of [0, 1, 65, 126, 127, 137, 255]) {
    const ended = await run(['sh', '-c', `exit ${code}`]);
    assert.deepEqual([ended.code, ended.signal], [code, undefined]);
  }
  for (const [signal, number] of [
    ['TERM', 15],
    ['KILL', 9],
    ['SEGV', 11],
  ] as const) {
    const ended = await run(['sh', '-c', `kill -${signal} $$`]);
    assert.deepEqual([ended.code, ended.signal], [128 + number, `SIG${signal}`]);
  }
});

test('a program that kills its own process group takes nobody else along', async () => {
  const { signal, stderr } = await run(['sh', '-c', 'echo last words >&2; kill -9 0']);
  assert.deepEqual([signal, stderr], ['SIGKILL', 'last words']);
});

test('what a program leaves behind in the background, with its streams open, is not waited for, and lives on', async () => {
  const abort = new AbortController();
  const { code, stdout, stderr } = await run(['sh', '-c', 'sleep 1000 & echo $!; echo said >&2; exit 5'], { collect: ROOM, signal: abort.signal });
  assert.deepEqual([code, stderr], [5, 'said']);
  const pid = Number(stdout);
  // The message is over: nothing that comes later has to do with it.
  abort.abort();
  assert.equal(await isRunning(pid), true);
  process.kill(pid, 'SIGKILL');
});

test('an abort ends the program with TERM, and it may say how', async () => {
  const abort = new AbortController();
  const heard = ear();
  const running = run(['sh', '-c', 'trap "echo bye >&2; exit 3" TERM; echo begun >&2; while :; do sleep 0.05; done'], {
    signal: abort.signal,
    emit: heard.emit,
  });
  await heard.until('begun');
  abort.abort();
  const { aborted, code, signal, stderr } = await running;
  assert.deepEqual([aborted, code, signal], [true, 3, undefined]);
  // A shell may have a word to say about what it waited for.
  assert.match(stderr, /^begun\n(Terminated\n)?bye$/);
});

test('an abort kills what ignores TERM, with everything that it has started', async () => {
  const abort = new AbortController();
  const heard = ear();
  const running = run(['sh', '-c', `${BOTH} trap "" TERM; echo $$ >&2; while :; do sleep 1; done`], { signal: abort.signal, emit: heard.emit, patience: 50 });
  await heard.until(/\d+\n\d+\n/);
  abort.abort();
  const { aborted, signal } = await running;
  assert.deepEqual([aborted, signal], [true, 'SIGKILL']);
  for (const pid of heard.text().trim().split('\n')) await untilGone(pid);
});

test('an abort kills what a program has started and leaves behind', async () => {
  const abort = new AbortController();
  const heard = ear();
  const running = run(['sh', '-c', `${BOTH} echo $$ >&2; wait`], { signal: abort.signal, emit: heard.emit, patience: 100_000 });
  await heard.until(/\d+\n\d+\n/);
  abort.abort();
  assert.equal((await running).signal, 'SIGTERM');
  for (const pid of heard.text().trim().split('\n')) await untilGone(pid);
});

test('a signal that is aborted already ends the program all the same', async () => {
  const { aborted } = await run(['sleep', '1000'], { signal: AbortSignal.abort() });
  assert.equal(aborted, true);
});

test('a process that leaves in a hurry takes running programs along, with what they have started', async () => {
  const { stdout, code } = await inProcess(`
    const heard = ear();
    run(['sh', '-c', 'sleep 1000 & echo $! $$ . >&2; wait'], { emit: heard.emit });
    await heard.until('.');
    process.stdout.write(heard.text(), () => process.exit(9));
  `);
  assert.equal(code, 9);
  const [child, parent] = stdout.split(' ');
  for (const pid of [child, parent]) await untilGone(pid ?? '');
});

test('a process ends when its programs have', async () => {
  const { code } = await inProcess(`
    await run(['sh', '-c', 'sleep 1000 & echo $! >&2']).then(({ stderr }) => process.kill(stderr, 'SIGKILL'));
    await run(['sleep', '1000'], { signal: AbortSignal.timeout(1) });
  `);
  assert.equal(code, 0);
});

test('a program that cannot be started says why', async (t) => {
  const directory = await scratchDirectory(t);
  const cases: readonly (readonly [string, FailureKind])[] = [
    ['no-such-program-anywhere', 'unfound'],
    [join(directory, 'missing'), 'unfound'],
    [await program(directory, 'plain', 'no program', 0o644), 'unexecutable'],
    [join(directory, 'plain', 'below'), 'unfound'],
    [await program(directory, 'lost', '#!/no/such/interpreter\n'), 'unfound'],
    [directory, 'unexecutable'],
    ['', 'unexecutable'],
  ];
  for (const [path, kind] of cases) {
    await assert.rejects(
      run([path], { delivery: delivery('body'), collect: ROOM }),
      (error) => error instanceof Failure && error.kind === kind && error.message.includes(`"${path}"`),
      path,
    );
  }
});

test('a script without a first line that names its interpreter is run by the shell', async (t) => {
  const path = await program(await scratchDirectory(t), 'script', 'echo "$1"; exit 3\n');
  const { stdout, code } = await run([path, 'a b'], { collect: ROOM });
  assert.deepEqual([stdout.toString(), code], ['a b\n', 3]);
});

test('an envelope that cannot be written is found out before anything runs', async (t) => {
  const log = join(await scratchDirectory(t), 'log');
  const nested = Array.from({ length: 200 }).reduce<object>((inner) => ({ inner }), {});
  await assert.rejects(run(['sh', '-c', `echo ran > ${log}`], { fd3: true, delivery: delivery('', { properties: { headers: nested as never } }) }));
  assert.deepEqual(await linesOf(log), []);
});

test('where no pipes can be made, programs get sockets', async () => {
  const { stdout, code, stderr } = await inProcess(`
    process.env.TMPDIR = '/dev/null/nowhere';
    const { stdout, stderr } = await run(['sh', '-c', 'cat; echo said >&2'], { delivery: delivery('body'), collect: { maxBytes: 100 } });
    process.stdout.write(stdout + stderr);
  `);
  assert.deepEqual([stdout, code], ['bodysaid', 0], stderr);
});

test('20 programs at once keep their output to themselves', async () => {
  const heard = ear();
  const runs = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      run(['sh', '-c', 'read -r n; i=0; while [ $i -lt 50 ]; do echo "err $n" >&2; echo "out $n"; i=$((i+1)); done'], {
        delivery: delivery(`${index}\n`),
        signal: NEVER,
        collect: ROOM,
        emit: heard.emit,
      }),
    ),
  );
  for (const [index, { stdout, stderr }] of runs.entries()) {
    assert.equal(stdout.toString(), `out ${index}\n`.repeat(50));
    assert.equal(stderr, `err ${index}\n`.repeat(20).trim());
  }
  assert.equal(heard.text().length, runs.length * 50 * 6 + 10 * 50);
});
