import { Failure } from '../model/failure.ts';
import type { Context } from './command.ts';

/** What cannot be undone: `loss` is what it costs, `kept` what is said when the answer is no. */
export interface Loss {
  readonly queue: string;
  readonly loss: string;
  readonly kept: string;
}

/**
 * Has the queue's name typed, which nobody does by mistake.
 *
 * @throws Failure `negative` for any other answer
 */
export async function askForName({ emit, stdin, signal }: Context, { queue, loss, kept }: Loss): Promise<void> {
  emit({ kind: 'note', text: `${loss} for good. Type the name of the queue to go on:` });
  const { readLines } = await import('../patterns/publish/input.ts');
  for await (const [line] of readLines(stdin(), signal)) {
    if (line?.toString('utf8').trim() === queue) return;
    break;
  }
  throw new Failure('negative', `that is not the name of the queue: ${kept}`);
}
