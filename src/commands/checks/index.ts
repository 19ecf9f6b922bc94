import { type Command, defineCommand } from '../command.ts';
import { duration, integer, texts, toggle } from '../flags/flag.ts';
import { limitCommands } from './check.ts';

export { checkGroup } from './check.ts';

const pingCommand = defineCommand({
  path: ['ping'],
  summary: 'log in to the broker and tell how fast it answers',
  examples: [
    ['rmq ping', 'exit 0 when it answers, 69 when it does not, 77 when it refuses the login'],
    ['rmq ping --wait 60s', 'wait until it is up'],
    ['rmq ping --timeout 2s', 'exit 124 when that takes longer'],
  ],
  inputs: { timeout: duration('exit 124 when there is no answer by then') },
  load: async () => {
    const { PingConfig, ping } = await import('../../patterns/checks/ping.ts');
    return {
      config: PingConfig,
      run: async (config, { withSession, results }) => {
        const pong = await withSession((session) => ping(session, config));
        const { product, version, address, vhost, roundTrip } = pong;
        await results.report(pong, `${product} ${version} at ${address} answers in ${roundTrip} ms (vhost "${vhost}")`);
      },
    };
  },
});

const waitCommand = defineCommand({
  path: ['wait'],
  summary: 'wait until the broker is up, and queues, exchanges, consumers and messages are there',
  examples: [
    ['rmq wait', 'until the broker is up'],
    ['rmq wait --queue orders --consumers 1', 'until something consumes from the queue, which may not exist yet'],
    ['rmq wait --queue orders --empty --timeout 10s', 'until no message is ready; exit 124 names what is missing'],
  ],
  inputs: {
    queue: texts('until this queue exists; the conditions below are for each of them', { value: 'QUEUE' }),
    exchange: texts('until this exchange exists', { value: 'EXCHANGE' }),
    consumers: integer('until each queue has N consumers or more'),
    messages: integer('until each queue has N messages or more that are ready'),
    empty: toggle('until no message is ready'),
    timeout: duration('exit 124 when not everything holds by then'),
  },
  load: async () => {
    const { WaitConfig, waitedText, waitFor } = await import('../../patterns/checks/wait.ts');
    return {
      config: WaitConfig,
      run: async (config, { withSession, results }) => {
        const waited = await withSession((session) => waitFor(session, config));
        await results.report(waited, waitedText(waited));
      },
    };
  },
});

/** Commands for CI and monitoring. */
export const checkCommands: readonly Command[] = [pingCommand, waitCommand, ...limitCommands];
