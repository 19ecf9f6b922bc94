import { Failure } from '../model/failure.ts';
import type { Context } from './command.ts';

/** A step that cannot be undone: `loss` is what it costs, `kept` is the message when the user declines. */
export interface Loss {
  readonly queue: string;
  readonly loss: string;
  readonly kept: string;
}

/**
 * Asks the user to type the queue's name, which nobody does by mistake.
 *
 * @throws Failure `negative` for any other answer
 */
export async function askForName({ emit, stdin, signal }: Context, { queue, loss, kept }: Loss): Promise<void> {
  emit({ kind: 'note', text: `${loss} for good. Type the name of the queue to continue:` });
  const { readLines } = await import('../patterns/publish/input.ts');
  for await (const [line] of readLines(stdin(), signal)) {
    if (line?.toString('utf8').trim() === queue) return;
    break;
  }
  throw new Failure('negative', `that is not the name of the queue: ${kept}`);
}
