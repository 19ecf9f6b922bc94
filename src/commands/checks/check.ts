import { Failure } from '../../model/failure.ts';
import type { Findings } from '../../patterns/checks/finding.ts';
import type { Status } from '../../text/checks.ts';
import { type Command, type CommandGroup, type Context, defineCommand } from '../command.ts';
import { argument, choice, duration, integer, rest } from '../flags/flag.ts';
import { managementAlone, managementBeside, managementExtras } from '../flags/globals.ts';

export const checkGroup: CommandGroup = { path: ['check'], summary: 'compare queues, dead letters and the broker with limits, for CI and monitoring' };

const FORMATS = ['text', 'json', 'nagios', 'prometheus', 'junit'] as const;
const extras = { format: choice(FORMATS, 'how to print it (text); nagios exits with 0, 1, 2 or 3') } as const;
const timeout = duration('a value that is not known by then counts as unknown');

const NAGIOS: Readonly<Record<Status, number>> = { ok: 0, warning: 1, critical: 2, unknown: 3 };

/** Prints findings; 0 when all limits hold, 1 when one does not, else the failure because of which something is unknown. */
async function told(name: string, { json, results }: Context, given: (typeof FORMATS)[number] | undefined, ask: () => Promise<Findings>): Promise<number> {
  if (json && given !== undefined && given !== 'json') throw new Failure('usage', `-o json and --format ${given} exclude each other`);
  const started = performance.now();
  const [{ worst }, { findingText, nagiosLine, prometheusText, checkCases }] = await Promise.all([
    import('../../patterns/checks/finding.ts'),
    import('../../text/checks.ts'),
  ]);
  const { findings, failure } = await ask();
  const format = json ? 'json' : (given ?? 'text');
  const status = worst(findings);
  if (format === 'nagios') await results.report({}, nagiosLine(status, findings));
  else if (format === 'prometheus') await results.report({}, prometheusText(findings));
  else if (format === 'junit') {
    const { junitReport } = await import('../../text/junit.ts');
    await results.report({}, junitReport(name, checkCases(findings), (performance.now() - started) / 1_000));
  } else for (const one of findings) await results.report(one, format === 'json' ? JSON.stringify(one) : findingText(one));
  if (format === 'nagios') return NAGIOS[status];
  // What does not hold is 1; what nobody knows is why it is not known.
  if (failure !== undefined && findings.every(({ status, value }) => status === 'ok' || value === null)) throw failure;
  return status === 'ok' ? 0 : 1;
}

const checkQueueCommand = defineCommand({
  path: ['check', 'queue'],
  summary: 'compare queues with limits: depth, consumers, the age of the oldest message',
  examples: [
    ['rmq check queue orders payments --max-depth 1000 --min-consumers 1', 'exit 1 and a line for each limit that does not hold'],
    ['rmq check queue orders --max-depth 1000 --warn-max-depth 100 --format nagios', 'for Nagios, Icinga and their kind'],
  ],
  inputs: {
    queue: rest('the queues'),
    maxDepth: integer('at most N messages are ready'),
    minDepth: integer('at least N messages are ready'),
    minConsumers: integer('at least N consumers'),
    maxAge: duration('the oldest message is not older, by its timestamp or its death'),
    warnMaxDepth: integer('more is a warning'),
    warnMinDepth: integer('less is a warning'),
    warnMinConsumers: integer('fewer is a warning'),
    warnMaxAge: duration('older is a warning'),
    timeout,
  },
  extras: { ...extras, ...managementExtras },
  load: async () => {
    const { CheckQueueConfig, checkQueues } = await import('../../patterns/checks/check.ts');
    return {
      config: CheckQueueConfig,
      run: async (config, context, { format, managementUrl }) =>
        told('rmq check queue', context, format, async () => {
          const ask = await managementBeside(managementUrl, context);
          return context.withSession((session) => checkQueues(session, config, ask));
        }),
    };
  },
});

const checkDlxCommand = defineCommand({
  path: ['check', 'dlx'],
  summary: 'compare dead letters with limits; without any, none may be there',
  examples: [
    ['rmq check dlx', 'exit 1 when any queue for dead letters has one'],
    ['rmq check dlx dead.letters --max 100 --max-age 1d --by reason', 'limits for each reason'],
  ],
  inputs: {
    queue: argument('the queue of dead letters; without it, all that the management API knows', { optional: true }),
    max: integer('at most N dead letters'),
    maxAge: duration('none died longer ago'),
    warnMax: integer('more is a warning'),
    warnMaxAge: duration('older is a warning'),
    by: choice(['reason', 'why'], 'limits are for each reason of death, or for each answer of a worker'),
    timeout,
  },
  extras: { ...extras, ...managementExtras },
  load: async () => {
    const { CheckDlxConfig, checkDeadLetters } = await import('../../patterns/checks/check.ts');
    return {
      config: CheckDlxConfig,
      run: async (config, context, { format, managementUrl }) =>
        told('rmq check dlx', context, format, async () => {
          const ask = await managementBeside(managementUrl, context);
          const targets = async (): Promise<readonly string[]> => {
            const { deadLetterQueues } = await import('../../patterns/dlx/list.ts');
            return deadLetterQueues(await managementAlone(managementUrl, context));
          };
          return context.withSession((session) => checkDeadLetters(session, config, targets, ask));
        }),
    };
  },
});

const checkBrokerCommand = defineCommand({
  path: ['check', 'broker'],
  summary: 'the broker answers, and no alarm blocks publishers',
  examples: [['rmq check broker --format nagios', 'CRITICAL when it does not answer, or an alarm is set']],
  inputs: { timeout },
  extras,
  load: async () => {
    const { CheckBrokerConfig, checkBroker } = await import('../../patterns/checks/check.ts');
    return {
      config: CheckBrokerConfig,
      run: async (config, context, { format }) =>
        told('rmq check broker', context, format, () => context.withSession((session) => checkBroker(session, config))),
    };
  },
});

export const limitCommands: readonly Command[] = [checkQueueCommand, checkDlxCommand, checkBrokerCommand];
