import type { Policy } from './facts.ts';

/** A queue that policies may hold for. */
interface PolicyTarget {
  readonly name: string;
  readonly type: string;
}

/** What `apply-to` may say for each type of queue. */
const APPLIES: Readonly<Record<string, string>> = { classic: 'classic_queues', quorum: 'quorum_queues', stream: 'streams' };
/** A policy that says one of these does not hold for queues of other types at all. */
const ONLY_QUORUM = ['dead-letter-strategy', 'delivery-limit'];

/** The policies that may hold for a queue, the highest priority first. Only the first one holds; the API itself tells which one only some seconds after it was set. */
export function policiesFor(policies: readonly Policy[], { name, type }: PolicyTarget): readonly Policy[] {
  return policies
    .filter(({ applyTo }) => applyTo === 'all' || applyTo === 'queues' || applyTo === APPLIES[type])
    .filter(({ definition }) => type === 'quorum' || ONLY_QUORUM.every((key) => definition[key] === undefined))
    .filter(({ pattern }) => matches(pattern, name))
    .sort((one, other) => other.priority - one.priority);
}

/** Those of them that share the highest priority: nobody but the broker knows which one of these it takes. */
export function highest(policies: readonly Policy[]): readonly Policy[] {
  return policies.filter(({ priority }) => priority === policies[0]?.priority);
}

/** Erlang's regular expressions are Perl's, which JavaScript does not know all of; one that it does not know is taken to match. */
function matches(pattern: string, name: string): boolean {
  try {
    return new RegExp(pattern).test(name);
  } catch {
    return true;
  }
}
