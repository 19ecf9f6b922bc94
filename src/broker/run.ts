import * as z from 'zod/mini';
import type { Emit } from '../model/event.ts';
import { abortFailure } from '../model/failure.ts';
import { MAX_TIMER } from '../model/quantity.ts';
import { type Broker, startBroker } from './broker.ts';
import { resolveCommand, runCommand } from './child.ts';
import type { Environment } from './node/find.ts';

/** The nodes of `broker run` and `broker start`. */
export const BrokerShape = {
  /** More than one form a cluster. */
  nodes: z._default(z.int().check(z.gte(1), z.lte(9)), 1),
  bootTimeout: z._default(z.int().check(z.gte(1), z.lte(MAX_TIMER)), 60_000),
  install: z._default(z.boolean(), false),
};

export const BrokerRunConfig = z.strictObject({
  ...BrokerShape,
  cmd: z.array(z.string()).check(
    z.refine(([name]) => name !== undefined && name !== '', {
      error: 'CMD is missing: give the command to run behind --, as in: rmq broker run -- npm test',
    }),
  ),
});
export type BrokerRunConfig = z.infer<typeof BrokerRunConfig>;

/** What a run uses of the process around it. */
export interface Surroundings {
  readonly env: Environment;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/**
 * Runs a command against a throwaway broker, which is gone without a trace when this resolves or rejects.
 *
 * @returns the command's exit code; 128 and the number of the signal when one ended it
 * @throws Failure `unfound` or `unexecutable` before anything is started; `unavailable` without a broker; what the signal carries when that stopped the command
 */
export async function runWithBroker(config: BrokerRunConfig, { env, emit, signal }: Surroundings): Promise<number> {
  const [name = '', ...args] = config.cmd;
  const path = resolveCommand(name, env);
  const began = performance.now();
  const broker = await startBroker({ ...config, environment: env, signal, emit });
  emit({
    kind: 'detail',
    text: `RabbitMQ ${broker.version} accepts connections at ${broker.nodes.map(({ port }) => `127.0.0.1:${port}`).join(', ')} after ${Math.round(performance.now() - began)} ms`,
  });
  let over = false;
  let target: number | undefined;
  for (const node of broker.nodes) {
    void node.ended.then(() => {
      if (!over) emit({ kind: 'note', text: `the RabbitMQ node ${node.name} has ended while ${name} was running` });
    });
  }
  try {
    const mark = `RABBITMQ_URL=${broker.url}`;
    broker.expect(mark);
    const { code, stopped } = await runCommand(path, args, { env: commandEnvironment(env, broker), mark }, signal, (started) => {
      target = started;
      broker.own(started);
    });
    if (stopped) throw abortFailure(signal);
    return code;
  } finally {
    over = true;
    if (target !== undefined) broker.disown(target);
    await broker.stop();
  }
}

/** `RMQ_URL` and a context would win over `RABBITMQ_URL` in an rmq that the command runs, and connect it to another broker. An empty `RMQ_CONTEXT` turns contexts off. */
function commandEnvironment({ RMQ_URL: _, ...env }: Environment, { url, managementUrl }: Broker): Environment {
  return { ...env, RMQ_CONTEXT: '', RABBITMQ_URL: url, RABBITMQ_MANAGEMENT_URL: managementUrl };
}
