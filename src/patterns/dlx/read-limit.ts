import type { AskManagement } from '../../amqp/return-rules.ts';
import type { Desk } from '../../management/desk.ts';
import type { Policy } from '../../management/facts.ts';
import type { Emit } from '../../model/event.ts';
import { Failure } from '../../model/failure.ts';
import type { FieldTable } from '../../model/message.ts';
import type { ConnectionConfig } from '../connection.ts';
import { type DeskPlace, deskIfThere } from './list-desk.ts';

/** Asks the management API for the arguments of a queue and the policies that hold for it; undefined where it cannot be asked, or does not tell. */
export function askManagement(config: ConnectionConfig, place: DeskPlace, emit: Emit, signal: AbortSignal): AskManagement {
  return async (name, connection) => {
    const desk = await deskIfThere(config, place, connection, signal, emit);
    if (desk === undefined) return undefined;
    try {
      const [queue, policies] = await Promise.all([desk.queue(name), policiesOf(desk, name)]);
      if (queue === undefined) return undefined;
      return { arguments: queue.arguments, policies: [...policies, ...(queue.effectivePolicy === undefined ? [] : [queue.effectivePolicy])] };
    } catch (error) {
      if (!(error instanceof Failure) || place.asked || signal.aborted) throw error;
      emit({ kind: 'detail', text: `going on without the management API: ${error.message}` });
      return undefined;
    }
  };
}

/** The API itself tells which policies hold for a queue only some seconds after they were set. A user who may not list them has to rely on that. */
async function policiesOf(desk: Desk, queue: string): Promise<readonly FieldTable[]> {
  try {
    const [policies, operator] = await Promise.all([desk.policies(), desk.operatorPolicies()]);
    return [policyOf(policies, queue), policyOf(operator, queue)].flatMap((policy) => (policy === undefined ? [] : [policy.definition]));
  } catch (error) {
    if (error instanceof Failure && error.kind === 'denied') return [];
    throw error;
  }
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
