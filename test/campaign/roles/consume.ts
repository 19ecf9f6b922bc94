import { type Act, filled, idsOf, linesIn, named, type Stage } from '../stage.ts';
import { consumedOf, judgeTaking } from './taking.ts';

/** `rmq consume --drain`: each message is written or still there. */
export async function consume(stage: Stage): Promise<Act> {
  const queue = await filled(stage, idsOf(stage.messages));
  return {
    argv: ['consume', queue, '--drain'],
    bytes: stage.messages * 130,
    begun: async (run) => void (await run.says('stdout', '\n')),
    judge: (ended, seen) => judgeTaking(stage, ended, seen, { queue, dealt: written(ended.stdout), empties: true, told: consumedOf(ended) }),
  };
}

/** `rmq topic subscribe -n`: the same for a queue that is bound; it ends by itself, also where the answers of the last messages were lost. */
export async function subscribe(stage: Stage): Promise<Act> {
  const { messages, peer } = stage;
  const queue = await filled({ ...stage, type: 'classic' }, idsOf(messages));
  const exchange = named('topic');
  await peer.channel.assertExchange(exchange, 'topic', { durable: true });
  stage.after(() => peer.channel.deleteExchange(exchange));
  return {
    argv: ['topic', 'subscribe', exchange, '#', '--queue', queue, '-n', String(messages)],
    bytes: messages * 130,
    begun: async (run) => void (await run.says('stdout', '\n')),
    judge: (ended, seen) => judgeTaking(stage, ended, seen, { queue, dealt: written(ended.stdout), empties: false, told: consumedOf(ended) }),
  };
}

/** Whole lines: a run that is killed may leave a part of one. */
function written(stdout: string): string[] {
  return linesIn(stdout.slice(0, stdout.lastIndexOf('\n') + 1));
}
