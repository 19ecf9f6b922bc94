import type { Delivery } from '../../model/message.ts';
import type { Context } from '../command.ts';

/** A body from a program that says more is refused: the broker would refuse it too. */
const MOST_BYTES = 128 * 1_048_576;
/** How many messages that stay are told one by one. */
const ONE_BY_ONE = 10;
const NEWLINE = 0x0a;

/** Edits a body with a program; one that fails, says too much or says nothing leaves the message where it is. */
export function editor(command: readonly string[], emit: Context['emit'], signal: AbortSignal): (delivery: Delivery) => Promise<Buffer | undefined> {
  let stayed = 0;
  return async (delivery) => {
    const { runProgram } = await import('../../handlers/program.ts');
    const { code, stdout, overflowed } = await runProgram({
      command,
      delivery,
      attempt: 1,
      fd3: false,
      signal,
      collect: { maxBytes: MOST_BYTES },
      emit,
    });
    const body = newBody(stdout, delivery.body);
    const why = overflowed
      ? 'said too much'
      : code !== 0
        ? `ended with ${code}`
        : body.length > 0 || delivery.body.length === 0
          ? undefined
          : `printed ${stdout.length === 0 ? 'nothing' : 'nothing but a newline'}`;
    if (why === undefined) return body;
    const { messageId } = delivery.properties;
    const which = messageId === undefined ? 'a message' : `the message "${messageId}"`;
    if (++stayed <= ONE_BY_ONE) emit({ kind: 'note', text: `${which} stays: the program that edits it ${why}` });
    return undefined;
  };
}

/** What a program printed. The one newline that programs end their text with is not part of a body that had none. */
function newBody(printed: Buffer, old: Buffer): Buffer {
  const one = printed.at(-1) === NEWLINE && printed.at(-2) !== NEWLINE;
  return one && old.at(-1) !== NEWLINE ? printed.subarray(0, -1) : printed;
}
