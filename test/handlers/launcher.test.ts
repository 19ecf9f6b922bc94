import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Marks } from '../../src/handlers/launcher.ts';
import { isRunning, program, scratchDirectory } from '../support/programs.ts';
import { AWKWARD, delivery, each, ear, setEnvironment } from './stage.ts';

/** UTF-8 with bytes that shells use for themselves. */
const INNER = Array.from({ length: 64 }, (_, index) => String.fromCodePoint(0x100 + index, 0x2000 + index, 0x1f600 + index)).join('');
const sha = (bytes: Buffer | string): string => createHash('sha1').update(bytes).digest('hex');

test('arguments reach the program as they are', async (t) => {
  const show = 'process.stderr.write(JSON.stringify(process.argv.slice(1)).slice(-4000))';
  for (const more of [AWKWARD, [INNER], [`${'x'.repeat(50_000)}'\n`]]) {
    const { stderr } = await each(t, [process.execPath, '-e', show, '--', 'first', ...more]).handle(delivery());
    assert.equal(stderr, JSON.stringify(['first', ...more]).slice(-4_000));
  }
});

test("a shell's own word is the program of that name", async (t) => {
  const directory = await scratchDirectory(t);
  setEnvironment(t, { PATH: `${directory}:${process.env['PATH']}` });
  for (const word of ['echo', 'test', 'exit', 'exec', ':', '[', 'a b', "it's", '$HOME', '-x', 'é=1']) {
    await program(directory, word, `#!/bin/sh\nprintf 'program %s' "$1" >&2\nexit 9\n`);
    const { exitCode, stderr } = await each(t, [word, '5']).handle(delivery());
    assert.deepEqual([exitCode, stderr], [9, 'program 5'], word);
  }
});

test('variables reach the program as they are, and stay with their message', async (t) => {
  const show = `process.stderr.write(JSON.stringify(Object.entries(process.env).filter(([name]) => name.startsWith('RMQ_HEADER_')).map(([, value]) => value)))`;
  const { handle } = each(t, [process.execPath, '-e', show]);
  for (const values of [AWKWARD.slice(0, 9), [], AWKWARD.slice(9), [INNER]]) {
    const headers = Object.fromEntries(values.map((value, index) => [`h${index}`, value]));
    const { stderr } = await handle(delivery('', { properties: { headers } }));
    assert.deepEqual(JSON.parse(stderr ?? ''), values);
  }
});

test('any text is a value', async (t) => {
  const { handle } = each(t, ['sh', '-c', 'printf %s "$RMQ_HEADER_A" | sha1sum >&2']);
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'grapheme', maxLength: 200 }), async (text) => {
      const value = text.replaceAll('\0', '');
      const { stderr } = await handle(delivery('', { properties: { headers: { a: value } } }));
      assert.equal(stderr?.split(' ')[0], sha(value));
    }),
    { numRuns: 100 },
  );
});

test('thousands of headers, large ones and large bodies come to one program', async (t) => {
  const headers = Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`header-${index}`, `it's "${index}"\n`]));
  headers['large'] = '$(exit 3)'.repeat(7_000);
  const body = randomBytes(10_000_000);
  const { handle } = each(t, ['sh', '-c', 'env | grep -c "^RMQ_HEADER_HEADER_" >&2; printf %s "$RMQ_HEADER_LARGE" | wc -c >&2; sha1sum >&2']);
  const { verdict, stderr } = await handle(delivery(body, { properties: { headers } }));
  assert.equal(verdict, 'ack');
  assert.deepEqual(
    stderr?.split('\n').map((line) => line.trim().split(' ')[0]),
    ['5000', '63000', sha(body)],
  );
});

test('the body is on standard input byte for byte, and can be opened by name', async (t) => {
  const { handle } = each(t, ['sh', '-c', 'sha1sum </dev/stdin >/dev/stderr']);
  for (const body of [Buffer.alloc(0), Buffer.from([0]), Buffer.from("\0a\0\n'\r\n\xff"), randomBytes(65_537)]) {
    const { stderr } = await handle(delivery(body));
    assert.equal(stderr?.split(' ')[0], sha(body));
  }
});

test('a program need not read its body, and may close its standard streams', async (t) => {
  const { handle } = each(t, ['sh', '-c', 'exec <&- >&- 2>&-; exit 4'], { fd3: true });
  for (let count = 0; count < 3; count++) assert.equal((await handle(delivery(Buffer.alloc(10_000_000)))).exitCode, 4);
});

test('the envelope is on descriptor 3 when it is asked for, and a program has no other descriptors than these', async (t) => {
  const message = delivery("it's", { properties: { messageId: 'm-1' } });
  const { stderr } = await each(t, ['sh', '-c', 'cat <&3 >&2; cat /dev/fd/3 >&2'], { fd3: true }).handle(message);
  const lines = stderr?.split('\n').map((line) => JSON.parse(line)) ?? [];
  assert.deepEqual(
    lines.map(({ body, properties }) => [body, properties.messageId]),
    [
      ["it's", 'm-1'],
      ["it's", 'm-1'],
    ],
  );
  for (const fd3 of [true, false]) {
    const { handle } = each(t, ['sh', '-c', 'for n in 0 1 2 3 4 5 6 7 8 9; do [ ! -e /proc/$$/fd/$n ] || printf $n >&2; done'], { fd3 });
    assert.equal((await handle(message)).stderr, fd3 ? '0123' : '012');
  }
});

test('the environment of this process reaches the program, also what a shell would drop', async (t) => {
  setEnvironment(t, { RMQ_TEST_OUTER: "it's $(outer)" });
  const { handle } = each(t, ['sh', '-c', 'printf %s "$RMQ_TEST_OUTER" >&2']);
  assert.equal((await handle(delivery())).stderr, "it's $(outer)");
  setEnvironment(t, { 'BASH_FUNC_greet%%': '() { echo hello "$1"; }', 'with.dots': 'x' });
  assert.equal((await each(t, ['bash', '-c', 'greet you >&2; env | grep with.dots >&2']).handle(delivery())).stderr, 'hello you\nwith.dots=x');
});

test('standard error is passed on at once, also without a newline', async (t) => {
  const gate = join(await scratchDirectory(t), 'gate');
  const heard = ear();
  const { handle } = each(t, ['sh', '-c', `printf 'begun\\0' >&2; until [ -e ${gate} ]; do sleep 0.05; done; printf ended >&2`], {}, heard.emit);
  const running = handle(delivery());
  await heard.until('begun');
  assert.doesNotMatch(heard.text(), /ended/);
  await program(join(gate, '..'), 'gate', '');
  assert.equal((await running).stderr, 'begun\0ended');
});

test('100 MB of standard error pass through without being kept', async (t) => {
  let bytes = 0;
  const { handle } = each(t, ['sh', '-c', 'head -c 100000000 /dev/zero >&2; echo end >&2; exit 3'], {}, (event) => {
    if (event.kind === 'handler-output') bytes += event.bytes.length;
  });
  const { maxRSS: before } = process.resourceUsage();
  const { exitCode, stderr } = await handle(delivery());
  assert.deepEqual([bytes, exitCode, stderr?.slice(-3)], [100_000_004, 3, 'end']);
  const grown = process.resourceUsage().maxRSS - before;
  assert.ok(grown < 60_000, `${grown} KB more`);
});

test('what one program does to its standard error is nothing to the next', async (t) => {
  const spoil = "require('fs').writeSync(2, 'spoilt'); process.stderr.write(''); process.kill(process.pid, 'SIGKILL')";
  const { handle } = each(t, ['sh', '-c', 'eval "$(cat)"']);
  // Node makes its own end non-blocking, and cannot take that back when it is killed.
  assert.equal((await handle(delivery(`exec '${process.execPath}' -e "${spoil}"`))).stderr, 'spoilt');
  const { stderr = '' } = await handle(delivery('grep flags /proc/self/fdinfo/2 >&2'));
  assert.match(stderr, /^flags:\s+\d+$/);
  assert.equal(Number.parseInt(stderr.split(/\s+/)[1] ?? '', 8) & 0o4000, 0);
});

test('a background process of one message may speak during the next, and is not ended by its end', async (t) => {
  const directory = await scratchDirectory(t);
  const heard = ear();
  const { handle } = each(t, ['sh', '-c', 'eval "$(cat)"'], {}, heard.emit);
  const gate = join(directory, 'gate');
  const { stderr } = await handle(delivery(`(until [ -e ${gate} ]; do sleep 0.05; done; echo late >&2; exec sleep 1000) & echo $! >&2`));
  await program(directory, 'gate', '');
  await heard.until('late\n');
  assert.equal((await handle(delivery('exit 3'))).exitCode, 3);
  assert.equal(await isRunning(stderr ?? ''), true);
  process.kill(Number(stderr), 'SIGKILL');
});

test('a launcher that has died unnoticed starts nothing, and the message goes to another', async (t) => {
  const { handle } = each(t, ['sh', '-c', 'echo $PPID >&2']);
  const { stderr: shell } = await handle(delivery());
  process.kill(Number(shell), 'SIGKILL');
  // Nothing else can happen in this process meanwhile: it has not been told yet.
  while (!/^\d+ \(.*\) Z /s.test(readFileSync(`/proc/${shell}/stat`, 'utf8')));
  const { verdict, exitCode } = await handle(delivery());
  assert.deepEqual([verdict, exitCode], ['ack', 0]);
});

test('one launcher does for one message after the other', async (t) => {
  const { handle } = each(t, ['sh', '-c', 'echo $PPID >&2; exit $(cat)']);
  const shells = new Set<string>();
  for (let count = 0; count < 50; count++) shells.add((await handle(delivery(String(count % 2)))).stderr ?? '');
  assert.equal(shells.size, 1);
});

test('words of the shell are told from what programs say, however both are cut', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 20 }),
    fc.constant(Buffer.alloc(40)),
    fc.constant(Buffer.from('\0rmq:')),
    fc.constant(Buffer.from('\0\0rm\0r')),
  );
  const cuts = fc.array(fc.integer({ min: 1, max: 70 }), { minLength: 1, maxLength: 9 });
  fc.assert(
    fc.property(fc.array(fc.tuple(bytes, fc.nat(255)), { maxLength: 5 }), bytes, cuts, (runs, rest, sizes) => {
      const marks = new Marks();
      const all = Buffer.concat([...runs.flatMap(([said, code]) => [said, Buffer.from(`${marks.mark}${code}\n`)]), rest]);
      const heard: string[] = [];
      let said = Buffer.alloc(0);
      for (let at = 0, cut = 0; at < all.length; cut++) {
        const size = sizes[cut % sizes.length] ?? 1;
        marks.read(
          all.subarray(at, at + size),
          (more) => {
            said = Buffer.concat([said, more]);
          },
          (word) => {
            heard.push(`${said.toString('hex')} ${word}`);
            said = Buffer.alloc(0);
          },
        );
        at += size;
      }
      assert.deepEqual(
        heard,
        runs.map(([text, code]) => `${Buffer.from(text).toString('hex')} ${code}`),
      );
      // What may still become a mark is held back, and nothing else.
      const held = Buffer.from(rest).subarray(said.length).toString('latin1');
      assert.ok(marks.mark.startsWith(held), `${held.length} bytes held back`);
    }),
    { numRuns: 500 },
  );
});
