import { Failure } from '../../model/failure.ts';
import type { Delivery } from '../../model/message.ts';
import { formatDuration, MAX_TIMER } from '../../model/quantity.ts';
import type { Context } from '../command.ts';

/** A body from a program that says more is refused: the broker would refuse it too. */
const MOST_BYTES = 128 * 1_048_576;
/** How many messages that stay are told one by one. */
const ONE_BY_ONE = 10;
const NEWLINE = 0x0a;
/** How long a program may take over one message, in milliseconds. */
const EDIT_TIMEOUT = 60_000;

/**
 * Edits a body with a program; one that fails, takes too long, says too much or says nothing leaves the message where it is.
 *
 * @throws Failure `usage` for a timeout that makes no sense
 */
export function editor(
  command: readonly string[],
  timeout = EDIT_TIMEOUT,
  { emit, signal }: Pick<Context, 'emit' | 'signal'>,
): (delivery: Delivery) => Promise<Buffer | undefined> {
  if (timeout < 1 || timeout > MAX_TIMER) throw new Failure('usage', `--handler-timeout must be more than 0s, and at most ${formatDuration(MAX_TIMER)}`);
  let stayed = 0;
  return async (delivery) => {
    const { runProgram } = await import('../../handlers/program.ts');
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), timeout);
    const { code, stdout, overflowed } = await runProgram({
      command,
      delivery,
      attempt: 1,
      fd3: false,
      signal: AbortSignal.any([signal, late.signal]),
      collect: { maxBytes: MOST_BYTES },
      emit,
    }).finally(() => clearTimeout(timer));
    const body = newBody(stdout, delivery.body);
    const why = late.signal.aborted
      ? `took longer than ${formatDuration(timeout)} (--handler-timeout)`
      : overflowed
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
