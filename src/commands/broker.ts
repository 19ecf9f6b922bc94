import type { BackgroundStatus } from '../broker/background.ts';
import { formatDuration, formatSize } from '../model/quantity.ts';
import { type Command, type CommandGroup, type Context, defineCommand } from './command.ts';
import { duration, integer, rest, toggle } from './flags/flag.ts';

export const brokerGroup: CommandGroup = { path: ['broker'], summary: 'run a private, real RabbitMQ node for development, tests and CI' };

const shape = {
  nodes: integer('how many nodes; more than one form a cluster'),
  bootTimeout: duration('how long the boot may take'),
  install: toggle('install RabbitMQ, with apt-get or brew, when it is not there'),
};

const brokerRun = defineCommand({
  path: ['broker', 'run'],
  connects: false,
  summary: 'run a command against a throwaway RabbitMQ node and leave nothing behind',
  examples: [
    ['rmq broker run -- npm test', 'runs the tests with RABBITMQ_URL and RABBITMQ_MANAGEMENT_URL set, and ends with their exit code'],
    ['rmq broker run --nodes 3 -- ./failover-test.sh', 'runs it against a cluster of three; RABBITMQ_URL has all three'],
  ],
  inputs: { ...shape, cmd: rest('the command to run and its arguments', { completes: 'command' }) },
  load: async () => {
    const { BrokerRunConfig, runWithBroker } = await import('../broker/run.ts');
    return { config: BrokerRunConfig, run: runWithBroker };
  },
});

const brokerStart = defineCommand({
  path: ['broker', 'start'],
  connects: false,
  summary: 'start a RabbitMQ node in the background; other commands connect to it by default',
  examples: [
    ['rmq broker start', 'starts a node, unless one is running'],
    ['rmq broker start --port 5672', 'starts one where programs look for RabbitMQ by default'],
  ],
  inputs: { ...shape, port: integer('the AMQP port of the first node, the others counting on from it (default: free ones)') },
  load: async () => {
    const { BrokerStartConfig, startInBackground } = await import('../broker/background.ts');
    return {
      config: BrokerStartConfig,
      run: async (config, context) => {
        const { state, already } = await startInBackground(config, context);
        if (already) context.emit({ kind: 'note', text: 'a broker is already running in the background; rmq broker stop ends it' });
        const { url, managementUrl, version, startedAt } = state;
        await context.results.report({ started: !already, url, managementUrl, version, startedAt }, url);
        return 0;
      },
    };
  },
});

const brokerStop = defineCommand({
  path: ['broker', 'stop'],
  connects: false,
  summary: 'stop the RabbitMQ node in the background and remove its data',
  examples: [['rmq broker stop', 'stops the node and removes its data']],
  inputs: {},
  load: async () => {
    const { NothingConfig, stopBackground } = await import('../broker/background.ts');
    return {
      config: NothingConfig,
      run: async (_, context) => {
        const stopped = await stopBackground(context);
        const text =
          stopped === undefined
            ? 'no broker is running in the background'
            : `stopped ${stopped.state === undefined ? 'the broker' : `RabbitMQ ${stopped.state.version}`} and removed its data in ${stopped.data}`;
        await context.results.report({ stopped: stopped !== undefined }, text);
        return 0;
      },
    };
  },
});

const brokerStatus = defineCommand({
  path: ['broker', 'status'],
  connects: false,
  summary: 'tell whether the RabbitMQ node in the background accepts connections',
  examples: [['rmq broker status', 'exits with 0 when it does, with 1 when it does not or none was started']],
  inputs: {},
  load: async () => {
    const { NothingConfig, backgroundStatus } = await import('../broker/background.ts');
    return { config: NothingConfig, run: async (_, context) => tell(await backgroundStatus(context), context) };
  },
});

export const brokerCommands: readonly Command[] = [brokerRun, brokerStart, brokerStop, brokerStatus];

async function tell(status: BackgroundStatus | undefined, { results }: Context): Promise<number> {
  if (status === undefined) {
    await results.report({ running: false, accepting: false }, 'no broker is running in the background');
    return 1;
  }
  const nodes = status.nodes.map(({ name, pid, accepting, memoryBytes }) => {
    const facts = [
      pid === undefined ? 'container' : `pid ${pid}`,
      memoryBytes === undefined ? undefined : formatSize(memoryBytes),
      accepting ? undefined : 'does not accept connections',
    ];
    return `${name}: ${facts.filter((fact) => fact !== undefined).join(', ')}`;
  });
  await results.report(
    status,
    [status.url, `RabbitMQ ${status.version}, up ${formatDuration(status.uptimeSeconds * 1_000)}`, `management: ${status.managementUrl}`, ...nodes].join('\n'),
  );
  return status.accepting ? 0 : 1;
}
