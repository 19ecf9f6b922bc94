import type { Take, TakeOptions } from '../../patterns/consume/limits.ts';
import type { Context, Results } from '../command.ts';
import { duration, integer, off, text, toggle } from './flag.ts';
import { managementApi } from './globals.ts';

/** Which messages a printing command takes, and how it settles them. */
export const limitInputs = {
  count: integer('stop after N messages', { short: 'n' }),
  idle: duration('stop after this long without a message'),
  timeout: duration('stop after this long'),
  drain: toggle('stop at the depth that the queue has now'),
  expect: integer('fail unless exactly N messages come'),
  settle: duration('with --expect: how long to wait for a surplus after the Nth message ({default}; 0s: not at all)'),
  requeue: toggle('look, then return every message to the queue'),
  reject: toggle('reject printed messages: dead-letter them'),
  ack: off('let the queue forget messages once it has sent them'),
  exclusive: toggle('allow no other consumer'),
  priority: integer('consumer priority; a higher one is served first'),
  offset: text('where to begin in a stream: first, last, next, N, a time or an age such as 1h', { value: 'OFFSET' }),
} as const;

/** How deliveries are printed. */
export const printExtras = {
  nul: toggle('NUL instead of a newline after each body', { short: '0', long: 'null' }),
  jsonBody: toggle('bodies that are JSON as bodyJson in envelopes'),
} as const;

/** The prefetch bounds bodies below this size. */
const SMALL = 4_096;
/** Bytes of bodies held at which reading stops, and at which it goes on: a prefetch counts messages, whatever their size. */
const MOST_HELD = 16 * 1_048_576;
const FEW_HELD = MOST_HELD / 2;

/** A handler that prints, and acknowledges only once the operating system has the output. */
export function printing(results: Results, { nul = false, jsonBody = false }: { nul?: boolean; jsonBody?: boolean }): Take {
  const print = results.printer({ nul, jsonBody });
  const acknowledge = (): 'ack' => 'ack';
  let held = 0;
  let isFull = false;
  const steer = (full: boolean, { holdBack }: Parameters<Take>[1]): void => {
    isFull = full;
    holdBack(full);
  };
  return (delivery, context) => {
    const { length } = delivery.body;
    if (length < SMALL) return print(delivery).then(acknowledge);
    held += length;
    // On every message: a new connection reads.
    if (held > MOST_HELD) steer(true, context);
    return print(delivery).then(() => {
      held -= length;
      if (isFull && held <= FEW_HELD) steer(false, context);
      return 'ack';
    });
  };
}

/** Asks the management API for the policies of a queue to which messages are returned, and for what others hold of a queue that should be empty. */
export async function lookingOptions(
  { requeue, expect }: { readonly requeue: boolean; readonly expect?: number | undefined },
  context: Context,
  managementUrl?: string,
): Promise<Pick<TakeOptions, 'ask' | 'judgeSilence'>> {
  // Loaded when a message goes back, which may be after the run was stopped.
  const asking = requeue ? context : { ...context, signal: new AbortController().signal };
  const ask: TakeOptions['ask'] = async (queue, on) => {
    const { managementBeside } = await import('./globals.ts');
    return (await managementBeside(managementUrl, asking))(queue, on);
  };
  if (requeue || expect !== 0) return { ask };
  const { heldBy, judgeHeld } = await import('../../patterns/queue/unacknowledged.ts');
  const held = heldBy(await managementApi(managementUrl, context));
  return { ask, judgeSilence: (on, queue, within) => judgeHeld(() => held(on, queue), within, context) };
}
