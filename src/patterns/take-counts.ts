import type { AnswerCounts } from '../amqp/answers.ts';
import type { ConsumeCounts } from '../model/event.ts';

interface Ways {
  /** True: the broker forgets a message as it hands it out. */
  readonly forgets: boolean;
  /** True: nothing is taken from the queue, and so nothing goes back. */
  readonly isStream: boolean;
}

/** What became of the deliveries that a handler was given: each is counted once. What comes again, for its connection was lost, is a new one. */
export function takeCounts(received: number, { acknowledged, rejected, requeued, returned }: AnswerCounts, { forgets, isStream }: Ways): ConsumeCounts {
  if (isStream) return { received, acknowledged, rejected, requeued: 0, unknown: 0, returned: 0 };
  const unknown = forgets ? 0 : received - acknowledged - rejected - requeued;
  return { received, acknowledged, rejected, requeued, unknown, returned };
}
