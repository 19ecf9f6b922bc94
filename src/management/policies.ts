import type { Policy } from './facts.ts';

/** A queue that policies may hold for. */
interface PolicyTarget {
  readonly name: string;
  readonly type: string;
}

/** The values of `apply-to` for each type of queue. */
const APPLIES: Readonly<Record<string, string>> = { classic: 'classic_queues', quorum: 'quorum_queues', stream: 'streams' };
/** A policy with one of these settings applies to no queue of another type. */
export const ONLY_QUORUM = ['dead-letter-strategy', 'delivery-limit'];

/** The policies that match a queue, the highest priority first. Only the first one applies; the API itself tells which one some seconds after it was set. */
export function policiesFor(policies: readonly Policy[], { name, type }: PolicyTarget): readonly Policy[] {
  return policies
    .filter(({ applyTo }) => applyTo === 'all' || applyTo === 'queues' || applyTo === APPLIES[type])
    .filter(({ definition }) => type === 'quorum' || ONLY_QUORUM.every((key) => definition[key] === undefined))
    .filter(({ pattern }) => matches(pattern, name))
    .sort((one, other) => other.priority - one.priority);
}

/** The policies that share the highest priority: only the broker knows which one of them it applies. */
export function highest(policies: readonly Policy[]): readonly Policy[] {
  return policies.filter(({ priority }) => priority === policies[0]?.priority);
}

/** Erlang's regular expressions are Perl's, which JavaScript supports in part; one that it does not support counts as a match. */
function matches(pattern: string, name: string): boolean {
  try {
    return new RegExp(pattern).test(name);
  } catch {
    return true;
  }
}
