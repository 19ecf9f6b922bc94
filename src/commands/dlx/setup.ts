import { Failure } from '../../model/failure.ts';
import { parseDuration } from '../../model/quantity.ts';
import { type Command, defineCommand } from '../command.ts';
import { argument, choice, duration, type Flag, integer, off, text, toggle } from '../flags/flag.ts';
import { managementExtras, managementPlace } from '../flags/globals.ts';

const pauses: Flag<number[]> = {
  kind: 'flag',
  help: 'bring what is rejected back after each of these pauses, and only then let it be dead',
  value: 'DURATION,…',
  decode: (texts) =>
    (texts.at(-1) ?? '').split(',').map((one) => {
      if (one.trim() === '') throw new Failure('usage', 'expected durations with commas between them, such as 10s,1m,10m');
      return parseDuration(one.trim());
    }),
};

export const dlxSetupCommand: Command = defineCommand({
  path: ['dlx', 'setup'],
  summary: 'set up a queue whose failed messages are kept as dead letters',
  examples: [
    ['rmq dlx setup orders', 'the exchange dlx, the queue dead.letters behind it, and orders with both dead-letter arguments'],
    ['rmq dlx setup orders --plan', 'what would be created, and what is in conflict; touches nothing'],
    ['rmq dlx setup orders --policy', 'for a queue that is there, which cannot be declared anew'],
    ['rmq dlx setup orders --queue-type quorum --at-least-once --verify', 'no dead letter is lost on its way; then try it with a message'],
    ['rmq dlx setup orders --retry 10s,1m,10m', 'three more attempts for consumers that only reject'],
  ],
  inputs: {
    queue: argument('the queue whose messages may fail, declared when it is missing'),
    dlx: text('the dead-letter exchange, direct', { value: 'EXCHANGE' }),
    dlxRoutingKey: text('the routing key of its dead letters', { value: 'KEY' }),
    deadQueue: text('the queue that keeps dead letters', { value: 'QUEUE' }),
    deadTtl: duration('how long they are kept (7d)'),
    deadQueueType: choice(['classic', 'quorum'], 'the type of that queue (classic)'),
    queueType: choice(['classic', 'quorum'], 'the type of QUEUE (classic)'),
    messageTtl: duration('messages of QUEUE that are older are dead (1h)'),
    ttl: off('messages of QUEUE do not expire'),
    maxLength: integer('the most messages in QUEUE; beyond it the oldest ones are dead (100000)'),
    limit: off('no length limit for QUEUE'),
    atLeastOnce: toggle('a quorum queue that keeps a dead letter until its target has it, and refuses messages when it is full'),
    deliveryLimit: integer('a message of a quorum queue is dead after so many failed deliveries'),
    retry: pauses,
    policy: toggle('use a policy instead of arguments, for an existing queue; sets a TTL and a length only when they are given'),
    plan: toggle('only show what would be done'),
    verify: toggle('then send a marked message, reject it, and check that it arrives'),
  },
  extras: managementExtras,
  load: async () => {
    const [{ DlxSetupConfig }, { setupText }, { setupDeadLetters }] = await Promise.all([
      import('../../patterns/dlx/setup/config.ts'),
      import('./setup-view.ts'),
      import('../../patterns/dlx/setup/setup.ts'),
    ]);
    return {
      config: DlxSetupConfig,
      run: async (config, context, { managementUrl }) => {
        const place = { connection: context.connection, management: managementPlace(managementUrl, context) };
        const done = await context.withSession((session) => setupDeadLetters(session, config, place));
        await context.results.report({ planned: config.plan, ...done }, setupText(done, config));
        return config.plan && done.steps.some(({ action }) => action === 'conflict') ? 1 : 0;
      },
    };
  },
});
