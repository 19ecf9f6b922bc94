import type { Session } from '../../amqp/connection/session.ts';
import type { ConsumeCounts } from '../../model/event.ts';
import { strandedFailure } from '../look/options.ts';
import type { ConsumeConfig } from './config.ts';
import { COPIED_BACK, GiveBack } from './give-back.ts';
import type { ConsumeHandler, Take, TakeOptions } from './limits.ts';
import { asConsumed, type RunResult } from './limits.ts';
import { take } from './run.ts';

/**
 * Takes messages off a queue and hands each to the handler, whose promise decides: `ack`, or nothing, acknowledges the message,
 * `requeue` returns it to the queue, `dead` rejects it, `hold` keeps it until the run ends. A handler that fails, or returns anything else, stops the run, and its
 * message goes back. `requeue` and `reject` of the config replace `ack`.
 *
 * @throws Failure `data` for an invalid verdict, `missing` for a queue that does not exist, `deadline`, `negative` when an expectation is false,
 * `unavailable`, or what the session's signal was aborted with
 */
export async function consume(session: Session, config: ConsumeConfig, handler: ConsumeHandler, options: TakeOptions = {}): Promise<ConsumeCounts> {
  const { counts, seconds, failure } = config.requeue
    ? await (await import('./look.ts')).look(session, config, handler, options)
    : await taking(session, config, handler, options);
  session.emit({ kind: 'consumed', counts, seconds, queue: config.queue });
  if (failure?.kind === 'closed' && counts.acknowledged > 0) {
    session.emit({
      kind: 'note',
      text: 'the reader of standard output went away: messages in the pipe that it did not read (64 KiB at most) are acknowledged',
    });
  }
  if (failure !== undefined) throw failure;
  return counts;
}

/** Takes messages; those delivered and not handled at the end go back, as a copy where the return would be the last one. */
async function taking(session: Session, config: ConsumeConfig, handler: ConsumeHandler, options: TakeOptions): Promise<RunResult<ConsumeCounts>> {
  const wayBack = new GiveBack(session, options.ask);
  let stranded = 0;
  const giveBack: Take = async (delivery, context) => {
    const way = await wayBack.lastWayFor(delivery, context);
    if (way === 'stuck') stranded++;
    return way === 'copied' ? COPIED_BACK : 'hold';
  };
  try {
    const taken = asConsumed(await take(session, config, handler, config.ack ? { giveBack, ...options } : options));
    const gone = strandedFailure(config.queue, { stranded });
    if (gone === undefined) return taken;
    if (taken.failure !== undefined && taken.failure.kind !== 'closed') session.emit({ kind: 'note', text: gone.message });
    return { ...taken, failure: taken.failure === undefined || taken.failure.kind === 'closed' ? gone : taken.failure };
  } finally {
    await wayBack.close();
  }
}
