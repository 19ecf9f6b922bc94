import type { AskManagement } from '../../amqp/consumer/return-rules.ts';
import type { ManagementApi } from '../../management/api.ts';
import { highest, policiesFor } from '../../management/policies.ts';
import type { Emit } from '../../model/event.ts';
import { Failure, orElse } from '../../model/failure.ts';
import type { FieldTable } from '../../model/message/message.ts';
import type { ConnectionConfig } from '../connection.ts';
import { type ManagementPlace, managementIfThere } from '../management.ts';

/** Asks the management API for the arguments and policies of a queue; undefined where it is not available, or does not tell. */
export function askManagement(config: ConnectionConfig, place: ManagementPlace, emit: Emit, signal: AbortSignal): AskManagement {
  return async (name, connection) => {
    const api = await managementIfThere(config, place, connection, signal, emit);
    if (api === undefined) return undefined;
    try {
      const [queue, policies] = await Promise.all([api.queue(name), policiesOf(api, name)]);
      if (queue === undefined) return undefined;
      return { arguments: queue.arguments, policies: [...policies, ...(queue.effectivePolicy === undefined ? [] : [queue.effectivePolicy])] };
    } catch (error) {
      if (!(error instanceof Failure) || place.asked || signal.aborted) throw error;
      emit({ kind: 'detail', text: `continuing without the management API: ${error.message}` });
      return undefined;
    }
  };
}

/** The API itself tells which policies apply only some seconds after they were set. For a user who may not list them, that has to do. */
async function policiesOf(api: ManagementApi, queue: string): Promise<readonly FieldTable[]> {
  const visible = await Promise.all([api.policies(), api.operatorPolicies()]).catch(orElse('denied', []));
  // Any of several with the same priority may apply: the limits of all count.
  return visible.flatMap((all) => highest(policiesFor(all, { name: queue, type: 'quorum' })).map(({ definition }) => definition));
}
