import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from 'amqplib';
import type { Findings } from '../fault.ts';
import { type Act, emptied, idsOf, named, type Stage, summaryOf } from '../stage.ts';

const REPLY_TO = 'amq.rabbitmq.reply-to';

/** `rmq rpc call --lines`: a line is the reply to the request of its number, or empty for one that failed; none is sent twice. */
export async function rpcCall(stage: Stage): Promise<Act> {
  const { peer, url } = stage;
  const requests = idsOf(Math.min(stage.messages, 300));
  const queue = await peer.queue({}, 'campaign');
  const server = await connect(url);
  server.on('error', () => undefined);
  stage.after(() => server.close().catch(() => undefined));
  const channel = await server.createChannel();
  // A caller who has gone costs the reply its channel on some versions.
  channel.on('error', () => undefined);
  const received: string[] = [];
  await channel.consume(
    queue,
    (request) => {
      if (request === null) return;
      const body = request.content.toString();
      received.push(body);
      const { replyTo, correlationId } = request.properties as { replyTo?: string; correlationId?: string };
      if (replyTo !== undefined) channel.sendToQueue(replyTo, Buffer.from(`re:${body}`), { ...(correlationId !== undefined && { correlationId }) });
    },
    { noAck: true },
  );
  return {
    argv: ['rpc', 'call', queue, '--lines', '--concurrency', '4', '--timeout', '10s'],
    input: requests.join('\n'),
    bytes: requests.length * 300,
    begun: (run) => run.while(async () => delay(2, received.length > 0)),
    judge: async (ended, { stdout }): Promise<Findings> => {
      const lines = ended.stdout.split('\n').slice(0, -1);
      const untrue = lines.flatMap((line, index) =>
        line === '' || line === `re:${requests[index]}` ? [] : [`line ${index + 1} is ${JSON.stringify(line.slice(0, 40))}`],
      );
      const replies = lines.filter((line) => line !== '').length;
      const wrong = ended.code === 0 && stdout && replies !== requests.length ? [`exit 0 with ${replies} of ${requests.length} replies`] : [];
      return { lost: 0, told: 0, untold: received.length - new Set(received).size, untrue, wrong };
    },
  };
}

/** `rmq rpc serve`: each request is answered or comes again. */
export async function rpcServe(stage: Stage): Promise<Act> {
  const { peer, url } = stage;
  const queue = named('rpc');
  stage.after(() => peer.channel.deleteQueue(queue));
  await peer.channel.assertQueue(queue, { durable: true });
  const requests = idsOf(40);
  const caller = await connect(url);
  caller.on('error', () => undefined);
  stage.after(() => caller.close().catch(() => undefined));
  const channel = await caller.createChannel();
  const replies: string[] = [];
  await channel.consume(REPLY_TO, (reply) => reply !== null && replies.push(reply.content.toString()), { noAck: true });
  for (const request of requests) channel.sendToQueue(queue, Buffer.from(request), { replyTo: REPLY_TO, correlationId: randomUUID() });
  return {
    argv: ['rpc', 'serve', queue, '--concurrency', '4', '--json', '--grace', '3s', '--', 'cat'],
    bytes: requests.length * 300,
    begun: (run) => run.while(async () => delay(2, replies.length > 0)),
    finish: async (run) => {
      const since = performance.now();
      await run.while(async () => delay(20, new Set(replies).size === requests.length || performance.now() - since > PATIENCE));
      run.child.kill('SIGTERM');
    },
    judge: async (ended, { end }): Promise<Findings> => {
      const answered = new Set(replies);
      const left = await emptied(url, queue, (all) => requests.every((request) => answered.has(request) || all.includes(request)));
      const lost = requests.filter((request) => !answered.has(request) && !left.includes(request)).length;
      const counts = summaryOf<Record<string, number>>(ended.stdout);
      const { received = 0, replied = 0, failed = 0, unaddressed = 0, unheard = 0, unknown = 0 } = counts ?? {};
      const untrue: string[] = [];
      if (end && received !== replied + failed + unaddressed + unheard + unknown) untrue.push(`${JSON.stringify(counts)} do not add up`);
      if (end && replied > replies.length) untrue.push(`${replies.length} replies came: ${JSON.stringify(counts)}`);
      for (const reply of answered) if (!requests.includes(reply)) untrue.push(`a reply is ${JSON.stringify(reply.slice(0, 40))}`);
      const twice = replies.length - answered.size + left.filter((request) => answered.has(request)).length;
      const isTold = !end || unknown > 0 || /lost|did not answer|gave up/.test(ended.stderr);
      return { lost, told: isTold ? twice : 0, untold: isTold ? 0 : twice, untrue, wrong: [] };
    },
  };
}

const PATIENCE = 40_000;
