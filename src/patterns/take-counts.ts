import type { AnswerCounts } from '../amqp/answers.ts';

/** How a run took what was delivered to it. */
export type Way =
  /** The broker has an answer for each. */
  | 'answered'
  /** The broker forgets a message as it hands it out. */
  | 'forgotten'
  /** Nothing is taken from the queue, and so nothing goes back. */
  | 'stream';

/** Every delivery that was handed to somebody, by what became of it. What comes again, for its connection was lost, is a new one. */
export interface TakeCounts extends AnswerCounts {
  readonly received: number;
}

/** Of a stream, what was dealt with to the end is done: its place is known here, and no answer of the broker counts. */
export function takeCounts(received: number, dealtWith: number, answers: AnswerCounts, way: Way): TakeCounts {
  if (way === 'answered') return { ...answers, received };
  return { ...answers, received, unknown: 0, requeued: 0, returned: 0, ...(way === 'stream' && { acknowledged: dealtWith }) };
}
