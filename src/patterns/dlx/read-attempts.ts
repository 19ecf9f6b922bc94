import { Failure } from '../../model/failure.ts';
import { numberIn } from '../../model/field.ts';
import type { FieldTable } from '../../model/message.ts';
import { formatCount } from '../../model/quantity.ts';

/** What looking costs the messages of a quorum queue. */
export interface Attempts {
  /** Why this message must not be given back once more; undefined when it may. */
  readonly refusal: (headers: FieldTable | undefined, queue: string) => Failure | undefined;
  /** True for a message that the queue does not take back any more. */
  readonly isLast: (headers: FieldTable | undefined) => boolean;
}

/** The limit of a quorum queue that sets none, from RabbitMQ 4.0 on. */
const DEFAULT_LIMIT = 20;

/**
 * The attempts that a quorum queue counts, or undefined where looking costs none: before 4.0 a queue without a limit does
 * not count, and from 4.3 on a message that is given back by a nack keeps its attempts
 * (https://www.rabbitmq.com/docs/quorum-queues#poison-message-handling).
 */
export function attemptsOf(version: string, declared: number | undefined, byPolicy?: number): Attempts | undefined {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > 4 || (major === 4 && minor >= 3)) return undefined;
  const limit = lesser(declared, byPolicy) ?? (major >= 4 ? DEFAULT_LIMIT : undefined);
  if (limit === undefined || limit < 0) return undefined;
  const before = (headers: FieldTable | undefined): number => Math.max(0, numberIn(headers?.['x-delivery-count']) ?? 0);
  return {
    refusal: (headers, queue) => (before(headers) + 1 >= limit ? refusal(queue, limit, before(headers) + 1) : undefined),
    isLast: (headers) => before(headers) + 1 > limit,
  };
}

function refusal(queue: string, limit: number, had: number): Failure {
  const looked = `looking costs each message of a quorum queue one of its ${formatCount(limit, 'delivery', 'deliveries')}`;
  const left =
    had > limit
      ? 'this look was one too many for a message: the queue has dead-lettered it, or dropped it if it has no dead-letter exchange'
      : `a message has had ${had} with this look, which counts although it was refused: given back once more, it is dead-lettered by the queue, or dropped if that has no dead-letter exchange`;
  return new Failure('refused', `"${queue}" is near its delivery limit: ${looked}; ${left}`, {
    hint: 'raise the limit with a policy (delivery-limit), or look all the same with --force',
  });
}

/** What a queue has done with messages that were given back to it at their limit. */
export function describeSpent(spent: number, queue: string): string {
  const [were, them] = spent === 1 ? ['was', 'it'] : ['were', 'them'];
  return `${formatCount(spent, 'message')} of "${queue}" ${were} at the delivery limit: given back once more, the queue has dead-lettered ${them}, or dropped ${them} if it has no dead-letter exchange`;
}

/** Two limits hold both; less than 0 is none. */
function lesser(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || one < 0) return other ?? one;
  return other === undefined ? one : Math.min(one, other);
}
