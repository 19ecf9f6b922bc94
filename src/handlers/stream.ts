import type { Emit } from '../model/event.ts';
import { Failure } from '../model/failure.ts';
import { quote } from '../model/text.ts';
import type { Judgement } from '../model/verdict.ts';
import { abortReason, checkProgram, type Handlers, type ProgramHandlerConfig } from './per-message.ts';
import { Slot } from './stream-program.ts';

/** The patience is for a program to end by itself at the end of its input, too. */
export interface StreamHandlerConfig extends Omit<ProgramHandlerConfig, 'fd3'> {
  /** How many programs run. */
  readonly concurrency: number;
}

/**
 * Programs that stay. Each reads a line for each message, its envelope with an `id` and the number of the `attempt`, and answers with
 * a line each, in any order: `{"id":1,"verdict":"ack"}`, with an optional `reason`. A program that ends is started again; its oldest
 * message has failed, and the others are handed over once more.
 *
 * @throws Failure `usage` for wrong options
 */
export function streamHandler({ command, concurrency, onExit, patience }: StreamHandlerConfig, emit: Emit): Handlers {
  checkProgram({ command, onExit }, emit);
  if (!Number.isInteger(concurrency) || concurrency < 1)
    throw new Failure('usage', `concurrency must be a whole number of at least 1, got ${quote(concurrency)}`);
  const slots: Slot[] = [];
  let ids = 0;
  /** The program with the fewest messages; a new one as long as all have some. */
  const slotFor = (): Slot => {
    let least = slots[0];
    for (const slot of slots) if (least === undefined || slot.unanswered < least.unanswered) least = slot;
    if (least !== undefined && (least.unanswered === 0 || slots.length >= concurrency)) return least;
    const slot = new Slot({ command, onExit, patience, emit });
    slots.push(slot);
    return slot;
  };
  const handle: Handlers['handle'] = (delivery, { signal, attempt }) =>
    new Promise<Judgement>((resolve, reject) => {
      if (signal.aborted) resolve({ verdict: 'retry', reason: abortReason(signal) ?? 'stopped' });
      else slotFor().take({ id: ++ids, delivery, attempt, signal, resolve, reject });
    });
  return {
    handle,
    close: async () => {
      await Promise.all(slots.map((slot) => slot.close()));
    },
  };
}
