import type { AskManagement } from '../../amqp/consumer/return-rules.ts';
import type { ManagementApi } from '../../management/api.ts';
import { highest, policiesFor } from '../../management/policies.ts';
import type { Emit } from '../../model/event.ts';
import { orElse } from '../../model/failure.ts';
import type { FieldTable } from '../../model/message/message.ts';
import type { ConnectionConfig } from '../connection.ts';
import { goingOn, type ManagementPlace, managementIfThere } from '../management.ts';

/** Asks the management API for the arguments and policies of a queue; undefined where it is not available, or does not tell. */
export function askManagement(config: ConnectionConfig, place: ManagementPlace, emit: Emit, signal: AbortSignal): AskManagement {
  return async (name, connection) => {
    const api = await managementIfThere(config, place, connection, signal, emit);
    if (api === undefined) return undefined;
    const [queue, policies = []] = (await Promise.all([api.queue(name), policiesOf(api, name)]).catch(goingOn(place.asked, { emit, signal }))) ?? [];
    if (queue === undefined) return undefined;
    return { arguments: queue.arguments, policies: [...policies, ...(queue.effectivePolicy === undefined ? [] : [queue.effectivePolicy])] };
  };
}

/** The API itself tells which policies apply only some seconds after they were set. For a user who may not list them, that has to do. */
async function policiesOf(api: ManagementApi, queue: string): Promise<readonly FieldTable[]> {
  const visible = await Promise.all([api.policies(), api.operatorPolicies()]).catch(orElse('denied', []));
  // Any of several with the same priority may apply: the limits of all count.
  return visible.flatMap((all) => highest(policiesFor(all, { name: queue, type: 'quorum' })).map(({ definition }) => definition));
}
