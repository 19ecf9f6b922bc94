import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { getEventListeners } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { Failure } from '../../src/model/failure.ts';
import { parseExitTable } from '../../src/model/verdict.ts';
import { isRunning, linesOf, program, scratchDirectory, untilGone } from '../support/programs.ts';
import { inProcess } from './in-process.ts';
import { delivery, ear, stream } from './stage.ts';

/** A program that stays: `on` is run for each `task`, and `answer(task, …)` answers it. */
function resident(on: string, { before = '', end = '' } = {}): string[] {
  const code = `
    const say = (text) => require('fs').writeSync(1, text);
    const tell = (text) => require('fs').writeSync(2, text);
    const answer = ({ id }, verdict = 'ack', reason) => say(JSON.stringify({ id, verdict, reason }) + '\\n');
    const tasks = [];
    ${before}
    require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
      const task = JSON.parse(line);
      tasks.push(task);
      ${on}
    }).on('close', () => { ${end} });`;
  return [process.execPath, '-e', code];
}

/** One in the shell, which starts faster: `$id` and `$body` are those of the task. */
function small(on: string, before = ''): string[] {
  const read = `id=\${line#*:}; id=\${id%%,*}; body=\${line##*'"body":"'}; body=\${body%'"}'}`;
  return ['sh', '-c', `ack() { echo "{\\"id\\":$1,\\"verdict\\":\\"ack\\"}"; }; ${before}\nwhile read -r line; do ${read}; ${on}\ndone`];
}

const messages = (...bodies: string[]) => bodies.map((body) => delivery(body));

test('a program gets each message as a line, with its number and its attempt, and decides with a line', async (t) => {
  const { handle } = stream(t, resident(`answer(task, task.body, JSON.stringify([typeof task.id, task.attempt, task.queue, task.properties.messageId]))`));
  for (const [attempt, verdict] of ['ack', 'retry', 'requeue', 'dead'].entries()) {
    const judgement = await handle(delivery(verdict, { properties: { messageId: `m-${attempt}` } }), { attempt });
    assert.deepEqual(judgement, { verdict, reason: `["number",${attempt},"tasks","m-${attempt}"]` });
  }
});

test('messages do not wait for the answers to others, and answers may come in any order', async (t) => {
  const { handle } = stream(t, resident('if (tasks.length === 5) for (const one of tasks.reverse()) answer(one, "ack", one.body)'));
  const judgements = await Promise.all(messages('a', 'b', 'c', 'd', 'e').map((message) => handle(message)));
  assert.deepEqual(
    judgements.map(({ reason }) => reason),
    ['a', 'b', 'c', 'd', 'e'],
  );
});

test('several programs share the load', async (t) => {
  // None of them answers before it has two messages.
  const { handle } = stream(t, resident('if (tasks.length % 2 === 0) for (const one of tasks.slice(-2)) answer(one, "ack", String(process.pid))'), {
    concurrency: 3,
  });
  const judgements = await Promise.all(messages('a', 'b', 'c', 'd', 'e', 'f').map((message) => handle(message)));
  assert.equal(new Set(judgements.map(({ reason }) => reason)).size, 3);
});

test('no more programs are started than there is work for', async (t) => {
  const { handle } = stream(t, small('echo "{\\"id\\":$id,\\"verdict\\":\\"ack\\",\\"reason\\":\\"$$\\"}"'), { concurrency: 5 });
  const pids = new Set<string | undefined>();
  for (let count = 0; count < 10; count++) pids.add((await handle(delivery('x'))).reason);
  assert.equal(pids.size, 1);
});

test('a program that dies has failed with what it had for the longest; the others go to the next one, each once', async (t) => {
  const log = join(await scratchDirectory(t), 'log');
  const { handle } = stream(t, small(`case $body in die) echo alas >&2; exit 3;; *) echo $body >> ${log}; ack $id;; esac`));
  const judgements = await Promise.all(messages('a', 'die', 'b', 'c', 'die', 'd').map((message) => handle(message)));
  const died = { verdict: 'retry', reason: 'the handler ended before it answered: exit code 3', exitCode: 3, stderr: 'alas' };
  assert.deepEqual(judgements, [{ verdict: 'ack' }, died, { verdict: 'ack' }, { verdict: 'ack' }, died, { verdict: 'ack' }]);
  assert.deepEqual((await linesOf(log)).sort(), ['a', 'b', 'c', 'd']);
});

test('what a program has answered before it dies counts', async (t) => {
  for (let count = 0; count < 5; count++) {
    const { handle } = stream(t, small('[ $body = b ] && { ack $((id - 1)); ack $id; exit 3; }'));
    const judgements = await Promise.all(messages('a', 'b').map((message) => handle(message)));
    assert.deepEqual(judgements, [{ verdict: 'ack' }, { verdict: 'ack' }]);
  }
});

test('how a program ends decides about the message, but not to acknowledge it', async (t) => {
  const cases = [
    ['exit 0', 'retry', 'exit code 0'],
    ['exit 65', 'dead', 'exit code 65'],
    ['exit 75', 'requeue', 'exit code 75'],
    ['kill -9 $$', 'retry', 'killed by SIGKILL'],
    ['kill -9 0', 'retry', 'killed by SIGKILL'],
  ] as const;
  for (const [code, verdict, reason] of cases) {
    const judgement = await stream(t, ['sh', '-c', `read -r line; ${code}`]).handle(delivery());
    assert.deepEqual([judgement.verdict, judgement.reason], [verdict, `the handler ended before it answered: ${reason}`]);
  }
  const named = stream(t, ['sh', '-c', 'exit 127'], { onExit: parseExitTable('127=dead') });
  assert.equal((await named.handle(delivery())).verdict, 'dead');
});

test('a program that cannot be started stops the worker with all its messages', async (t) => {
  const directory = await scratchDirectory(t);
  for (const [command, kind] of [
    [['no-such-program-anywhere'], 'unfound'],
    [[directory], 'unexecutable'],
    [['sh', '-c', 'exit 127'], 'unfound'],
    [['sh', '-c', 'exit 126'], 'unexecutable'],
  ] as const) {
    const { handle } = stream(t, command);
    const results = await Promise.allSettled(messages('a', 'b').map((message) => handle(message)));
    for (const result of results) assert.equal((result as PromiseRejectedResult).reason?.kind, kind, command.join(' '));
    await assert.rejects(handle(delivery()), { kind });
  }
});

test('a program that breaks the rules is ended: the oldest message has failed, and the others go to the next one', async (t) => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['say("hello\\n")', /printed a line that is not an answer: hello/],
    ['say("[]\\n")', /no id or no verdict/],
    ['say("null\\n")', /no id or no verdict/],
    ['say(JSON.stringify({ id: String(task.id), verdict: "ack" }) + "\\n")', /no id or no verdict/],
    ['answer(task, "maybe")', /no id or no verdict .*maybe/],
    ['answer({ id: 4711 })', /does not have: id 4711/],
    ['for (;;) say("x".repeat(65536))', /a line of more than 1048576 characters/],
  ];
  const broken = cases.map(async ([wrong, reason]) => {
    const heard = ear();
    const { handle } = stream(t, resident(`if (task.body === 'wrong') { ${wrong} } else answer(task)`, { before: 'tell(process.pid + " ")' }), {}, heard.emit);
    const [failed, ...others] = await Promise.all(messages('wrong', 'fine', 'fine').map((message) => handle(message)));
    assert.equal(failed?.verdict, 'retry', wrong);
    assert.match(failed?.reason ?? '', reason);
    assert.deepEqual(others, [{ verdict: 'ack' }, { verdict: 'ack' }], wrong);
    await untilGone(heard.text().split(' ')[0] ?? '');
  });
  await Promise.all(broken);
});

test('of two answers to a message the first counts, no other message has failed, and that is told', async (t) => {
  const notes: string[] = [];
  const { handle } = stream(t, resident("answer(task, 'ack', String(process.pid)); answer(task, 'dead'); answer(tasks[0], 'retry')"), {}, (event) => {
    if (event.kind === 'note') notes.push(event.text);
  });
  const judgements = await Promise.all(messages('a', 'b', 'c').map((message) => handle(message)));
  judgements.push(await handle(delivery('d')));
  assert.deepEqual(new Set(judgements.map(({ verdict }) => verdict)), new Set(['ack']));
  assert.equal(new Set(judgements.map(({ reason }) => reason)).size, 1);
  assert.deepEqual(notes, ['the handler answered message 1 once more (dead): the first answer counts']);
});

test('a program that closes a pipe and lives on has died: the oldest message has failed, and the others go to the next one', async (t) => {
  const cases = [
    ['exec >&-; sleep 1000', /closed its standard output and did not end/],
    ['exec <&-; sleep 1000', /closed its standard input and did not end/],
  ] as const;
  for (const [wrong, reason] of cases) {
    const heard = ear();
    const { handle } = stream(t, small(`case $body in wrong) ${wrong};; *) ack $id;; esac`, 'echo "$$ " >&2;'), {}, heard.emit);
    // No other message comes while it has this one: nothing is written to it that could fail.
    const failed = await handle(delivery('wrong'));
    assert.equal(failed.verdict, 'retry', wrong);
    assert.match(failed.reason ?? '', reason);
    const [next, other] = await Promise.all([handle(delivery('wrong')), handle(delivery('fine'))]);
    assert.match(next.reason ?? '', reason);
    assert.deepEqual(other, { verdict: 'ack' }, wrong);
    await untilGone(heard.text().split(' ')[0] ?? '');
  }
});

test('a program that closes its pipes before it ends by itself is charged with how it ended', async (t) => {
  const { handle } = stream(t, ['sh', '-c', 'read -r line; exec >&- <&-; sleep 0.1; exit 65']);
  const { verdict, reason } = await handle(delivery());
  assert.deepEqual([verdict, reason], ['dead', 'the handler ended before it answered: exit code 65']);
});

test('a program that nothing more comes for may close what it likes, and finish in its own time', async (t) => {
  const log = join(await scratchDirectory(t), 'log');
  const { handle, close } = stream(t, small('ack $id').with(2, `${small('ack $id')[2]}; exec >&-; sleep 1.3; echo done >> ${log}`));
  assert.deepEqual(await handle(delivery('x')), { verdict: 'ack' });
  await close();
  assert.deepEqual(await linesOf(log), ['done']);
});

test('empty lines between answers mean nothing, and neither do carriage returns', async (t) => {
  const { handle } = stream(t, small('printf "\\n  \\n"; printf \'{ "verdict" : "ack", "id" : %s }\\r\\n\\r\\n\' $id'));
  for (let count = 0; count < 3; count++) assert.deepEqual(await handle(delivery('x')), { verdict: 'ack' });
});

test('answers may be cut anywhere, also within a character', async (t) => {
  const heard = ear();
  const reason = 'ä€😀';
  const bytes = `Buffer.from('{"id":1,"verdict":"dead","reason":"${reason}"}\\n')`;
  const size = Buffer.byteLength(`{"id":1,"verdict":"dead","reason":"${reason}"}\n`);
  // A byte for each message; at last, an answer to the others.
  const on = `say(${bytes}.subarray(tasks.length - 1, tasks.length)); if (tasks.length === ${size}) for (const one of tasks.slice(1)) answer(one); tell('.')`;
  const { handle } = stream(t, resident(on), {}, heard.emit);
  const judgements: Promise<unknown>[] = [];
  for (let count = 1; count <= size; count++) {
    judgements.push(handle(delivery('x')));
    await heard.until('.'.repeat(count));
  }
  const [first, ...others] = await Promise.all(judgements);
  assert.deepEqual(first, { verdict: 'dead', reason });
  for (const other of others) assert.deepEqual(other, { verdict: 'ack' });
});

test('large bodies, and those that are no text, fit into a line', async (t) => {
  const sum = 'const body = task.body === undefined ? Buffer.from(task.bodyBase64, "base64") : Buffer.from(task.body);';
  const { handle } = stream(t, resident(`${sum} answer(task, "ack", require("crypto").createHash("sha1").update(body).digest("hex"))`));
  const bodies = [Buffer.alloc(0), Buffer.from('\0\n"\\'), randomBytes(5_000_000), Buffer.from('ä€😀\n'.repeat(500_000))];
  const judgements = await Promise.all(bodies.map((body) => handle(delivery(body))));
  for (const [index, body] of bodies.entries()) assert.equal(judgements[index]?.reason, createHash('sha1').update(body).digest('hex'));
});

test('a message that fits into no line fails alone', async (t) => {
  const { handle } = stream(t, small('ack $id'));
  const headers = Array.from({ length: 200 }).reduce<object>((inner) => ({ inner }), {});
  const [bad, good] = await Promise.all([handle(delivery('', { properties: { headers: headers as never } })), handle(delivery('x'))]);
  assert.equal(bad.verdict, 'retry');
  assert.deepEqual(good, { verdict: 'ack' });
});

test('a program that never answers is started again after a pause that grows', async (t) => {
  const log = join(await scratchDirectory(t), 'log');
  const { handle } = stream(t, ['sh', '-c', `cut -d ' ' -f 1 /proc/uptime >> ${log}; exit 3`]);
  const judgements = await Promise.all(messages('a', 'b', 'c').map((message) => handle(message)));
  assert.deepEqual(
    judgements.map(({ exitCode }) => exitCode),
    [3, 3, 3],
  );
  const [first = 0, second = 0, third = 0] = (await linesOf(log)).map(Number);
  // They were started at least so long one after the other; the clock has steps of 10 ms.
  assert.ok(second - first >= 0.23, `${second - first} s`);
  assert.ok(third - second >= 0.48, `${third - second} s`);
});

test('a message whose time is over ends its program; the others go to the next one, and none of them is charged', async (t) => {
  const heard = ear();
  const { handle } = stream(t, small('echo "$$ $body." >&2; case $body in slow) sleep 1000;; *) ack $id;; esac'), {}, heard.emit);
  const abort = new AbortController();
  const slow = handle(delivery('slow'), { signal: abort.signal });
  const others = messages('a', 'b').map((message) => handle(message));
  await heard.until('slow.');
  abort.abort(new Failure('deadline', 'took too long'));
  const { stderr, ...judgement } = await slow;
  assert.deepEqual(judgement, { verdict: 'retry', reason: 'took too long', exitCode: 143 });
  assert.match(stderr ?? '', /^\d+ slow\.$/);
  for (const other of await Promise.all(others)) assert.deepEqual(other, { verdict: 'ack' });
});

test('a program that answers in time, and ends because it was told to, leaves nobody to blame', async (t) => {
  const heard = ear();
  const before = 'process.on("SIGTERM", () => { answer(tasks[1]); process.exit(7); });';
  const { handle, close } = stream(t, resident('tell(task.body + ".")', { before }), {}, heard.emit);
  const abort = new AbortController();
  const oldest = handle(delivery('oldest'));
  const late = handle(delivery('late'), { signal: abort.signal });
  await heard.until('oldest.late.');
  abort.abort();
  assert.deepEqual(await late, { verdict: 'ack' });
  // It is handed over once more.
  await heard.until('oldest.late.oldest.');
  await close();
  assert.deepEqual(await oldest, { verdict: 'retry', reason: 'stopped' });
});

test('a message that is given up while no program runs is dropped at once', async (t) => {
  const log = join(await scratchDirectory(t), 'log');
  const { handle } = stream(t, ['sh', '-c', `echo ran >> ${log}; exit 3`]);
  assert.equal((await handle(delivery('a'))).exitCode, 3);
  const abort = new AbortController();
  // The program is not started again before its pause is over.
  const waiting = handle(delivery('b'), { signal: abort.signal });
  abort.abort(new Failure('deadline', 'took too long'));
  assert.deepEqual(await waiting, { verdict: 'retry', reason: 'took too long' });
  assert.deepEqual(await handle(delivery('c'), { signal: AbortSignal.abort() }), { verdict: 'retry', reason: 'stopped' });
  assert.deepEqual(await linesOf(log), ['ran']);
});

test('an abort kills what ignores TERM, with everything that it has started', async (t) => {
  const heard = ear();
  const stubborn = 'trap "" TERM; (trap "" TERM; while :; do sleep 1; done) & echo $$ $! . >&2; while :; do sleep 1; done';
  const { handle } = stream(t, ['sh', '-c', stubborn], { patience: 50 }, heard.emit);
  const abort = new AbortController();
  const running = handle(delivery(), { signal: abort.signal });
  await heard.until('.');
  abort.abort();
  assert.deepEqual((await running).exitCode, 137);
  for (const pid of heard.text().split(' ').slice(0, 2)) await untilGone(pid);
});

test('nothing listens to a signal more than once, however many messages share it', async (t) => {
  const { handle } = stream(t, small('ack $id'));
  const { signal } = new AbortController();
  await Promise.all(Array.from({ length: 100 }, () => handle(delivery('x'), { signal })));
  assert.equal(getEventListeners(signal, 'abort').length, 1);
});

test('close tells the program that nothing more comes, and waits for its end', async (t) => {
  const heard = ear();
  const { handle, close } = stream(
    t,
    small('ack $id', 'echo $$ >&2').map((part) => part.replace(/done$/, 'done; echo bye >&2')),
    {},
    heard.emit,
  );
  await handle(delivery('x'));
  await close();
  const [pid = '', said] = heard.text().split('\n');
  assert.equal(said, 'bye');
  assert.equal(await isRunning(pid), false);
  assert.deepEqual(await handle(delivery('x')), { verdict: 'retry', reason: 'stopped' });
});

test('close ends a program that does not end by itself', async (t) => {
  for (const before of ['', 'trap "" TERM; ']) {
    const heard = ear();
    const { handle, close } = stream(t, ['sh', '-c', `${before}echo $$ >&2; while :; do sleep 1; done`], { patience: 50 }, heard.emit);
    const waiting = handle(delivery());
    await heard.until('\n');
    await close();
    assert.deepEqual(await waiting, { verdict: 'retry', reason: 'stopped' });
    assert.equal(await isRunning(heard.text().trim()), false);
  }
});

test('close comes in time also for a program that is just being started', async (t) => {
  const heard = ear();
  const { handle, close } = stream(t, ['sh', '-c', 'echo $$ >&2; while :; do sleep 1; done'], { patience: 50 }, heard.emit);
  const waiting = handle(delivery());
  await close();
  assert.deepEqual(await waiting, { verdict: 'retry', reason: 'stopped' });
  for (const pid of heard.text().split('\n')) if (pid !== '') assert.equal(await isRunning(pid), false);
});

test('a program may finish what it has been given up for', async (t) => {
  const heard = ear();
  const end = 'for (const task of tasks) answer(task); setTimeout(() => tell("bye"), 100);';
  const { handle, close } = stream(t, resident('tell(task.body)', { end }), {}, heard.emit);
  const waiting = messages('a', 'b').map((message) => handle(message));
  await heard.until('ab');
  await close();
  for (const { verdict } of await Promise.all(waiting)) assert.equal(verdict, 'retry');
  assert.equal(heard.text(), 'abbye');
});

test('what a program leaves in the background, with its streams open, does not hide that it has died', async (t) => {
  const { handle } = stream(t, ['sh', '-c', 'read -r line; sleep 1000 & echo $! >&2; exit 5']);
  const { exitCode, stderr } = await handle(delivery());
  assert.equal(exitCode, 5);
  assert.equal(await isRunning(stderr ?? ''), true);
  process.kill(Number(stderr), 'SIGKILL');
});

test('standard error is passed on at once, and its end travels with a failure', async (t) => {
  const gate = join(await scratchDirectory(t), 'gate');
  const heard = ear();
  const { handle } = stream(t, ['sh', '-c', `read -r line; seq 1 30 >&2; printf begun >&2; until [ -e ${gate} ]; do sleep 0.05; done; exit 1`], {}, heard.emit);
  const running = handle(delivery());
  await heard.until('begun');
  await program(join(gate, '..'), 'gate', '');
  assert.equal((await running).stderr, [...Array.from({ length: 19 }, (_, index) => String(index + 12)), 'begun'].join('\n'));
});

test('standard streams can be opened by name, and the environment is that of this process', async (t) => {
  process.env['RMQ_MESSAGE_ID'] = 'from further up';
  t.after(() => delete process.env['RMQ_MESSAGE_ID']);
  const [, , loop = ''] = small('ack $id >/dev/stdout', `echo "\${RMQ_MESSAGE_ID-unset}" >/dev/stderr; exec </dev/stdin`);
  const heard = ear();
  assert.deepEqual(await stream(t, ['sh', '-c', loop], {}, heard.emit).handle(delivery('x')), { verdict: 'ack' });
  // They are two pipes: the answer may be heard first.
  await heard.until('\n');
  assert.equal(heard.text(), 'unset\n');
});

test('a process that leaves in a hurry takes its programs along, and one that has closed its handlers ends', async () => {
  const left = await inProcess(`
    const heard = ear();
    const { handle } = streamHandler({ command: ['sh', '-c', 'sleep 1000 & echo $! $$ . >&2; wait'], concurrency: 1, onExit }, heard.emit);
    handle(delivery(), { signal: NEVER, attempt: 1 });
    await heard.until('.');
    process.stdout.write(heard.text(), () => process.exit(9));
  `);
  assert.equal(left.code, 9, left.stderr);
  for (const pid of left.stdout.split(' ').slice(0, 2)) await untilGone(pid);
  const closed = await inProcess(`
    for (const code of ['exit 3', 'cat >/dev/null; exit 3', 'exec sleep 1000']) {
      const { handle, close } = streamHandler({ command: ['sh', '-c', code], concurrency: 2, onExit, patience: 50 }, () => undefined);
      for (const body of ['a', 'b']) handle(delivery(body), { signal: NEVER, attempt: 1 });
      await close();
    }
  `);
  assert.equal(closed.code, 0, closed.stderr);
});
