import type { Desk } from '../../management/desk.ts';
import type { Policy } from '../../management/facts.ts';
import type { Emit } from '../../model/event.ts';
import type { ConnectionConfig } from '../connection.ts';
import { type DeskPlace, deskIfThere } from './list-desk.ts';
import type { PolicyLimit } from './read-options.ts';

/**
 * Asks the management API for the delivery limit that a policy sets. Where it cannot be asked, only what the queue was
 * declared with is known.
 */
export function policyLimitOf(config: ConnectionConfig, place: DeskPlace, emit: Emit, signal: AbortSignal): PolicyLimit {
  return async (queue, connection) => {
    const desk = await deskIfThere(config, place, connection, signal, emit);
    return desk === undefined ? undefined : limitOf(desk, queue);
  };
}

async function limitOf(desk: Desk, queue: string): Promise<number | undefined> {
  const [policies, operator] = await Promise.all([desk.policies(), desk.operatorPolicies()]);
  const limits = [policyOf(policies, queue), policyOf(operator, queue)]
    .map((policy) => policy?.definition['delivery-limit'])
    .filter((limit) => typeof limit === 'number');
  return limits.length === 0 ? undefined : Math.min(...limits);
}

const OF_QUORUM_QUEUES: ReadonlySet<string> = new Set(['all', 'queues', 'quorum_queues']);

/** The policy that holds for a queue: the API itself tells it only some seconds after it was set. */
function policyOf(policies: readonly Policy[], queue: string): Policy | undefined {
  return policies
    .filter(({ applyTo, pattern }) => OF_QUORUM_QUEUES.has(applyTo) && matches(pattern, queue))
    .reduce<Policy | undefined>((best, one) => (best === undefined || one.priority > best.priority ? one : best), undefined);
}

/** Erlang's regular expressions are Perl's, which JavaScript does not know all of; one that it does not know is taken to match. */
function matches(pattern: string, name: string): boolean {
  try {
    return new RegExp(pattern).test(name);
  } catch {
    return true;
  }
}
