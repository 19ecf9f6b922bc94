import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { GetMessage } from 'amqplib';
import { brokerUrl, peer } from '../../support/broker.ts';
import { deadPort, proxy } from '../../support/faults.ts';
import { inside } from '../../support/inside.ts';
import { scratchDirectory } from '../../support/programs.ts';
import { type Options, type Running, start } from '../../support/rmq.ts';

const [UP, DOWN, END, ENTER, ESCAPE, INTERRUPT, END_OF_FILE] = ['\x1b[A', '\x1b[B', '\x1b[F', '\r', '\x1b', '\x03', '\x04'];
const [HIDDEN, SHOWN] = ['\x1b[?25l', '\x1b[?25h'];
const BIN = fileURLToPath(new URL('../../../bin/rmq.js', import.meta.url));
const bodies = (messages: readonly GetMessage[]): string[] => messages.map(({ content }) => content.toString());

interface Person extends Running {
  /** Waits for a text and then types. */
  readonly type: (seen: string, keys: string) => Promise<void>;
}

/** Somebody at a terminal. */
function at(args: readonly string[], options: Options = {}): Person {
  const running = start(args, { ...options, terminal: true });
  return {
    ...running,
    type: async (seen, keys) => {
      await running.until('stdout', seen);
      running.child.stdin.write(keys);
    },
  };
}

for (const type of ['classic', 'quorum']) {
  test(`dlx replay --select sends what is selected of a ${type} queue, and the rest stays in order`, async (t) => {
    const { queue, publish, take } = await peer(t);
    const [dead, target] = [await queue({ arguments: { 'x-queue-type': type } }), await queue()];
    for (const body of ['one', 'two', 'three', 'four', 'five']) await publish(dead, [body], { messageId: body, headers: { body } });
    const { type: press, result } = at(['dlx', 'replay', dead, '--to-queue', target, '--select', '--where', 'body != "four"']);
    await press('0 of 4 selected; 1 to 4 shown', `${DOWN} ${END} ${UP}`);
    await press('2 of 4 selected', ENTER);
    const { code, stdout } = await result;
    assert.equal(code, 0, stdout);
    assert.match(stdout, new RegExp(`Which messages of "${dead}" are to be replayed\\? \\(4 messages\\)`));
    assert.match(stdout, /#\s+AGE\s+DIED\s+IN QUEUE\s+EXCHANGE\s+KEY\s+BODY/);
    assert.doesNotMatch(stdout, / four/);
    assert.match(stdout, /replayed 2 of 5 messages in ".*": 3 not chosen/);
    assert.deepEqual(
      [bodies(await take(target)), bodies(await take(dead))],
      [
        ['two', 'five'],
        ['one', 'three', 'four'],
      ],
    );
  });
}

test('on a narrow terminal the bodies can be told apart', async (t) => {
  const { channel, queue, publish } = await peer(t);
  const dead = await queue();
  const work = await queue({ deadLetterExchange: '', deadLetterRoutingKey: dead }, 'orders.processing.of.the.north');
  await publish(work, ['{"order":"number 1"}', '{"order":"number 2"}']);
  for (let rejected = 0; rejected < 2; ) {
    const message = await channel.get(work);
    if (message === false) continue;
    channel.reject(message, false);
    rejected++;
  }
  while ((await channel.checkQueue(dead)).messageCount < 2);
  const { type: press, result } = at(['dlx', 'replay', dead, '--select'], { columns: 80 });
  await press('0 of 2 selected', ESCAPE);
  const { stdout } = await result;
  assert.match(stdout, /1 .* {2}\{"order":"number 1"\}[\s\S]*2 .* {2}\{"order":"number 2"\}/);
  assert.match(stdout, new RegExp(`all: in queue ${work.slice(0, 31)}`));
});

test('of equal messages as many go as are selected', async (t) => {
  const { queue, publish, take } = await peer(t);
  const [from, to] = [await queue(), await queue()];
  await publish(from, ['same', 'same', 'other', 'same']);
  const { type, result } = at(['dlx', 'move', from, to, '--select']);
  await type('0 of 4 selected', ` ${END} `);
  await type('2 of 4 selected', ENTER);
  assert.equal((await result).code, 0);
  assert.deepEqual(
    [bodies(await take(to)), bodies(await take(from))],
    [
      ['same', 'same'],
      ['other', 'same'],
    ],
  );
});

test('Esc, Ctrl-C and Ctrl-D leave everything as it is; enter needs a select', async (t) => {
  const { queue, publish, depth } = await peer(t);
  const dead = await queue();
  await publish(dead, ['one', 'two']);
  for (const key of [ESCAPE, INTERRUPT, END_OF_FILE]) {
    const { type, result } = at(['dlx', 'purge', dead, '--select', '--yes']);
    await type('0 of 2 selected', ENTER);
    await type('nothing is selected', 'a');
    await type('2 of 2 selected', key);
    const { code, stdout } = await result;
    assert.equal(code, 130, stdout);
    assert.match(stdout, /cancelled: nothing was changed/);
    assert.equal(await depth(dead), 2);
  }
});

for (const signal of ['SIGHUP', 'SIGQUIT', 'SIGTERM'] as const) {
  test(`${signal} while the list is shown gives the terminal back as it was`, async (t) => {
    const { queue, publish, depth } = await peer(t);
    const dead = await queue();
    await publish(dead, ['one', 'two']);
    const line = `sh -c 'echo "pid $$"; exec ${process.execPath} ${BIN} dlx purge ${dead} --select --yes'; echo "ended with $?"; stty -a`;
    const shell = spawn('script', ['-qefc', `stty cols 140 rows 20; ${line}`, '/dev/null'], { env: { ...process.env, TERM: 'xterm', CI: undefined } });
    let shown = '';
    let sent = false;
    for await (const chunk of shell.stdout) {
      shown += String(chunk);
      const [, pid] = /pid (\d+)/.exec(shown) ?? [];
      if (sent || pid === undefined || !shown.includes('0 of 2 selected; 1 to 2 shown')) continue;
      sent = true;
      process.kill(Number(pid), signal);
    }
    const code = { SIGHUP: 129, SIGQUIT: 131, SIGTERM: 143 }[signal];
    assert.match(shown, new RegExp(`ended with ${code}`));
    assert.ok(shown.includes(HIDDEN), 'the list hides the cursor');
    assert.ok(shown.lastIndexOf(SHOWN) > shown.lastIndexOf(HIDDEN), JSON.stringify(shown.slice(-600)));
    assert.match(shown, / icanon/);
    assert.match(shown, / echo /);
    while ((await depth(dead)) < 2);
  });
}

test('what is selected can be exported, and purged once the name of the queue was typed', async (t) => {
  const { queue, publish, take } = await peer(t);
  const dead = await queue();
  await publish(dead, ['one', 'two', 'three']);
  const directory = join(await scratchDirectory(t), 'bundle');
  const exporting = at(['dlx', 'export', dead, '-d', directory, '--select']);
  await exporting.type('0 of 3 selected', ' i');
  await exporting.type('2 of 3 selected', ENTER);
  assert.equal((await exporting.result).code, 0);
  assert.match(await readFile(join(directory, 'messages-00001.ndjson'), 'utf8'), /^.*"body":"two".*\n.*"body":"three".*\n$/);
  const purging = at(['dlx', 'purge', dead, '--select']);
  await purging.type('0 of 3 selected', `${DOWN} `);
  await purging.type('1 of 3 selected', ENTER);
  await purging.type('This removes the 1 message that was selected for good.', `${dead}\n`);
  assert.equal((await purging.result).code, 0);
  assert.deepEqual(bodies(await take(dead)), ['one', 'three']);
});

test('a message that was selected and is taken by somebody else meanwhile is told of', async (t) => {
  const { channel, queue, publish, take } = await peer(t);
  const [dead, target] = [await queue(), await queue()];
  await publish(dead, ['one', 'two']);
  const { type, until, result } = at(['dlx', 'replay', dead, '--to-queue', target, '--select']);
  await type('0 of 2 selected', 'a');
  await until('stdout', '2 of 2 selected');
  await channel.get(dead, { noAck: true });
  await publish(dead, ['three']);
  await type('2 of 2 selected', ENTER);
  const { code, stdout } = await result;
  assert.equal(code, 3, stdout);
  assert.match(stdout, /1 message of the 2 that were selected did not come again/);
  assert.deepEqual([bodies(await take(target)), bodies(await take(dead))], [['two'], ['three']]);
});

test('what is selected goes on when the connection is lost', async (t) => {
  const { queue, publish, take, depth } = await peer(t);
  const [dead, target] = [await queue(), await queue()];
  const all = Array.from({ length: 30 }, (_, index) => String(index));
  await publish(dead, [...all, 'stays']);
  const { url, cut } = await proxy(t, brokerUrl());
  const { type, result } = at(['dlx', 'replay', dead, '--to-queue', target, '--select', '--rate', '20', '--url', url]);
  await type('0 of 31 selected', `a${END} `);
  await type('30 of 31 selected', ENTER);
  while ((await depth(target)) < 3);
  cut();
  const { code, stdout } = await result;
  assert.equal(code, 0, stdout);
  assert.match(stdout, /replayed 30 of 31 messages/);
  assert.deepEqual([...new Set(bodies(await take(target)))].sort(), [...all].sort());
  assert.deepEqual(bodies(await take(dead)), ['stays']);
});

test('a thousand are listed, and filters are asked for to see the others', async (t) => {
  const { queue, publish, depth } = await peer(t);
  const dead = await queue();
  await publish(
    dead,
    Array.from({ length: 1_002 }, (_, index) => String(index)),
  );
  const { type, result } = at(['dlx', 'replay', dead, '--select']);
  await type('(the first 1,000 messages; narrow them with filters to see the others)', ESCAPE);
  assert.equal((await result).code, 130);
  assert.equal(await depth(dead), 1_002);
});

test('without a terminal the filters are pointed to, before anything connects', async () => {
  const url = `amqp://127.0.0.1:${await deadPort()}`;
  for (const command of [['replay'], ['move', 'to'], ['purge', '--yes'], ['export', '-o', 'json']]) {
    const [name = '', ...more] = command;
    const { code, stderr } = await inside(['dlx', name, 'queue', ...more, '--select', '--url', url]);
    assert.equal(code, 64, stderr);
    assert.match(stderr, /--select needs a terminal[\s\S]*--where/);
  }
  const counted = await at(['dlx', 'replay', 'queue', '--select', '-n', '1', '--url', url]).result;
  assert.equal(counted.code, 64, counted.stdout);
});

test('nothing is listed where there is nothing', async (t) => {
  const { queue } = await peer(t);
  const empty = await at(['dlx', 'replay', await queue(), '--select']).result;
  assert.equal(empty.code, 1);
  assert.match(empty.stdout, /no message in .* matches the filters/);
});
