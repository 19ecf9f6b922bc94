import { Failure } from '../model/failure.ts';
import type { FieldTable, FieldValue } from '../model/message.ts';
import { onOwnChannel } from './channel.ts';
import type { Connection } from './connection.ts';
import { describeQueue, type QueueType } from './queue-probe.ts';

/** What kind of queue it is, and the delivery limit that it was declared with; a policy may set another one. */
export interface Limited {
  readonly type: QueueType | undefined;
  readonly limit: number | undefined;
}

const NO_LIMIT = 'rmq';
const MOST_QUESTIONS = 16;

/** Asks as `describeQueue` does. The limit is compared only once everything else is equal, so the rest is taken over first. */
export async function deliveryLimit(connection: Connection, queue: string): Promise<Limited> {
  const described = await describeQueue(connection, queue);
  if (described?.type !== 'quorum') return { type: described?.type, limit: undefined };
  const args: Record<string, FieldValue> = { ...described.arguments, 'x-queue-type': 'quorum', 'x-delivery-limit': NO_LIMIT };
  for (let question = 0; question < MOST_QUESTIONS; question++) {
    const [, name, current = ''] =
      /inequivalent arg '(.*?)' for queue .*? but current is (.*?)(?: \(406\))?$/s.exec(await refusal(connection, queue, args)) ?? [];
    const [, value, quoted] = /^(?:the value '(.*)' of type '\w+'|'(.*)')$/s.exec(current) ?? [];
    const shown = value ?? quoted;
    if (name === undefined || (shown === undefined && name !== 'x-delivery-limit')) break;
    if (name === 'x-delivery-limit') return { type: 'quorum', limit: shown === undefined ? undefined : Number(shown) };
    args[name] = /^-?\d+$/.test(shown ?? '') ? Number(shown) : (shown ?? '');
  }
  return { type: 'quorum', limit: undefined };
}

async function refusal(connection: Connection, queue: string, args: FieldTable): Promise<string> {
  try {
    await onOwnChannel(connection, async (channel) => {
      await channel.assertQueue(queue, { durable: true, arguments: args });
      // It was deleted a moment ago, and this has made another one.
      await channel.deleteQueue(queue, { ifEmpty: true, ifUnused: true });
    });
    throw new Failure('missing', `there is no queue "${queue}"`);
  } catch (error) {
    if (error instanceof Failure && error.code === 406) return error.message;
    if (error instanceof Failure && error.code === 403) return '';
    throw error;
  }
}
