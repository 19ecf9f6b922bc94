import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { peer, unique } from '../support/broker.ts';
import { rmq, start } from '../support/rmq.ts';

// One way through each kind of command: npm run test:nodes runs it with every version of Node.

async function succeeds(args: readonly string[], input = ''): Promise<string> {
  const { code, stdout, stderr } = await rmq(args, { input });
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(stderr, /Warning|^Error/m);
  return stdout;
}

describe(`with Node ${process.versions.node}`, () => {
  it('consume prints what publish has sent', async (t) => {
    const queue = await (await peer(t)).queue();
    await succeeds(['publish', '-q', queue, '--lines'], 'one\ntwo\n');
    assert.equal(await succeeds(['consume', queue, '--drain']), 'one\ntwo\n');
  });

  it('a task that fails becomes a dead letter with its reason, and dlx replay sends it back', async (t) => {
    const { queue, exchange, channel } = await peer(t);
    const [work, dead, dlx] = [unique('work'), await queue(), await exchange('fanout')];
    t.after(async () => (await peer(t)).channel.deleteQueue(work));
    await channel.bindQueue(dead, dlx, '');
    await succeeds(['work', 'publish', work, '--dlx', dlx, 'task']);
    await succeeds(['work', 'run', work, '--dlx', dlx, '-n', '1', '--', 'sh', '-c', 'echo broken >&2; exit 65']);
    assert.match(await succeeds(['dlx', 'inspect', dead, '--show', '1']), /broken/);
    await succeeds(['dlx', 'replay', dead]);
    assert.equal(await succeeds(['work', 'run', work, '--dlx', dlx, '-n', '1', '--', 'cat']), 'task');
  });

  it('rpc call prints what the program of rpc serve answers', async (t) => {
    const queue = await (await peer(t)).queue();
    const server = start(['rpc', 'serve', queue, '-n', '1', '--', 'tr', 'a-z', 'A-Z']);
    await server.until('stderr', 'serving');
    assert.equal(await succeeds(['rpc', 'call', queue, 'hello', '--timeout', '30s']), 'HELLO\n');
    assert.equal((await server.result).code, 0);
  });
});
