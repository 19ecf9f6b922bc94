import type * as z from 'zod/mini';
import { Failure } from '../../model/failure.ts';
import type { ConsumeConfig } from '../../patterns/consume/config.ts';
import type { Subscription } from '../../patterns/subscribe/subscription.ts';
import type { WorkerConfig } from '../../patterns/work/config.ts';
import { type Command, check, type Runnable, spelling } from '../command.ts';
import { limitInputs, lookingOptions, printExtras, printing } from './consume-flags.ts';
import { expectationExtras, expecting } from './expect-flags.ts';
import { integer, trailing } from './flag.ts';
import { type ProgramChoice, programInputs, queueInputs, withProgram, workerInputs, workingOptions } from './handler-flags.ts';

/** Of what subscribes, the queue and when it ends. */
export const subscriptionInputs = {
  queueType: queueInputs.queueType,
  prefetch: integer('unacknowledged messages at a time'),
  ...limitInputs,
} as const;

const { count: _count, idle: _idle, drain: _drain, timeout: _timeout, prefetch: _prefetch, ...handlerInputs } = workerInputs;
const { queueType: _queueType, ...queueExtras } = queueInputs;

/** What a subscription takes only with a handler: with these it works on its queue as on a work queue. */
const handlingExtras = {
  ...handlerInputs,
  ...queueExtras,
  ...programInputs,
  cmd: trailing('a handler and its arguments: run for each message, instead of printing it'),
} as const;

export const subscriptionExtras = { ...printExtras, ...expectationExtras, ...handlingExtras } as const;

/** What only printing knows. */
const PRINTING: Readonly<Record<string, unknown>> = {
  expect: undefined,
  settle: 200,
  requeue: false,
  reject: false,
  ack: true,
  exclusive: false,
  priority: undefined,
  offset: undefined,
  ...Object.fromEntries(Object.keys({ ...printExtras, ...expectationExtras }).map((key) => [key, undefined])),
};

/**
 * The program behind `--`, and the worker's part of the config; undefined when messages are printed.
 *
 * @throws Failure `usage` for a flag that belongs to the other of the two
 */
function handlingOf(
  config: object,
  extras: Readonly<Record<string, unknown>>,
  inputs: Command['inputs'],
): { readonly program: ProgramChoice; readonly worker: Readonly<Record<string, unknown>> } | undefined {
  const all = { ...config, ...extras } as Readonly<Record<string, unknown>>;
  const named = (key: string): string => spelling(key, inputs[key] as Command['inputs'][string]);
  if (extras['cmd'] === undefined) {
    const misplaced = Object.keys(handlingExtras).find((key) => extras[key] !== undefined);
    if (misplaced !== undefined) throw new Failure('usage', `${named(misplaced)} needs a handler: -- CMD`);
    return undefined;
  }
  const misplaced = Object.keys(PRINTING).find((key) => all[key] !== PRINTING[key]);
  if (misplaced !== undefined) throw new Failure('usage', `${named(misplaced)} is for printing: with a handler, its exit code decides`);
  const { cmd, onExit, fd3, stream } = extras;
  const worker = Object.fromEntries(
    Object.entries(all).filter(([key, value]) => value !== undefined && !(key in PRINTING) && !(key in programInputs) && key !== 'cmd'),
  );
  return { program: { cmd, onExit, fd3, stream } as ProgramChoice, worker };
}

interface Subscribing<I extends object, C, W> extends Pick<Runnable<I, C, typeof subscriptionExtras>, 'config'> {
  readonly extrasConfig: z.ZodMiniType<W>;
  readonly subscription: (config: C | W) => Subscription;
}

/** What a subscribing command loads: it prints messages, or runs a handler for each. */
export function subscribing<I extends object, C extends Omit<ConsumeConfig, 'queue'> & { readonly exchange: string }, W extends WorkerConfig>(
  load: () => Promise<Subscribing<I, C, W>>,
): (inputs: Command['inputs']) => Promise<Runnable<I, C, typeof subscriptionExtras>> {
  return async (inputs) => {
    const [{ config, extrasConfig, subscription }, { lastingQueue, subscribe, workOn }] = await Promise.all([
      load(),
      import('../../patterns/subscribe/subscription.ts'),
    ]);
    return {
      config,
      extrasConfig,
      run: async (given, context, extras) => {
        const handling = handlingOf(given, extras, inputs);
        if (handling !== undefined) {
          await withProgram(check(extrasConfig, handling.worker, inputs), handling.program, context, (worker, handler) =>
            context.withSession((session) => workOn(session, subscription(worker), worker, handler, workingOptions(context))),
          );
          return undefined;
        }
        const handler = printing(context.results, extras);
        const place = subscription(given);
        const options = lastingQueue(place) === undefined ? {} : await lookingOptions(given, context);
        await expecting(extras, inputs, `rmq subscribe ${given.exchange}`, context, given, handler, (limited, judged) =>
          context.withSession((session) => subscribe(session, place, limited, judged, options)),
        );
      },
    };
  };
}
