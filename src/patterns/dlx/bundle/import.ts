import { isUtf8 } from 'node:buffer';
import * as z from 'zod/mini';
import type { Session } from '../../../amqp/connection/session.ts';
import type { Outcome } from '../../../amqp/publisher/outcomes.ts';
import { withControlConnection } from '../../../amqp/topology/declare.ts';
import { movedCopy } from '../../../model/dead-letter/replay.ts';
import { FULL, whenFull } from '../../../model/dead-letter/transfer.ts';
import type { PublishCounts } from '../../../model/event.ts';
import { Failure } from '../../../model/failure.ts';
import { parseEnvelope } from '../../../model/message/envelope.ts';
import type { Message } from '../../../model/message/message.ts';
import { option } from '../../../model/option.ts';
import { formatCount, formatNumber } from '../../../model/quantity.ts';
import { queueName } from '../../names.ts';
import { readLines } from '../../publish/input.ts';
import { sendingRules, sendingShape, sendMessages } from '../../publish/send.ts';
import { Destinations } from '../replay/destinations.ts';
import { type Beside, Rooms } from '../replay/rooms.ts';
import { checkBundle, openFile } from './import-check.ts';
import { type ImportRecord, type ImportTarget, openRecord, RECORD } from './import-record.ts';
import type { Manifest } from './writer.ts';

/** The options of `dlx import`, without those of sending. */
export const importShape = {
  /** The bundle. */
  directory: z.string().check(z.minLength(1)),
  /** Sends all of them to one queue; absent: each to where it had been published to. */
  queue: z.optional(queueName),
  /** True: also sends what an earlier import has sent there. */
  again: z._default(z.boolean(), false),
  /** True: also publishes headers that a queue wrote about a delivery. */
  keepBrokerHeaders: z._default(z.boolean(), false),
  /** True: also sends messages that push others out of a full queue. */
  force: z._default(z.boolean(), false),
};
export const ImportConfig = z.strictObject({ ...importShape, ...sendingShape }).check(...sendingRules);
export type ImportConfig = z.output<typeof ImportConfig>;

/**
 * Publishes the messages of a bundle, confirmed, after all of it was checked. The header `x-rmq-moved` keeps what the broker would refuse or
 * reroute: a user id, and CC and BCC headers. Messages that an earlier import brought there are not sent again.
 *
 * @throws Failure as `checkBundle` and `sendMessages` do, `usage` for a bundle that has been imported there
 */
export async function importBundle(session: Session, config: ImportConfig, beside: Beside): Promise<PublishCounts> {
  const { directory, queue, again, force } = config;
  const rooms = force ? undefined : new Rooms(session, beside);
  const { manifest, id } = await checkBundle(directory, session.signal);
  const to = await withControlConnection(session, async ({ cluster, address: { port, vhost } }): Promise<ImportTarget> => {
    return { cluster, port, vhost, ...(queue !== undefined && { queue }) };
  });
  const record = await openRecord(directory, { bundle: id, to, messages: manifest.messages, again }, session.emit);
  const destinations = queue === undefined ? new Destinations() : undefined;
  let unknown = 0;
  try {
    tellOfEarlier(session, config, manifest, record);
    const numbers = new Map<Message, number>();
    const messages = messagesOf(session.signal, config, manifest, record, async (message, number) => {
      if ((await rooms?.take(message)) === 'full')
        throw new Failure('later', FULL, { hint: `${whenFull()}; another import sends those that this one has not` });
      numbers.set(message, number);
      destinations?.add(message);
    });
    const settled = (message: Message, { kind }: Outcome): void => {
      const number = numbers.get(message);
      numbers.delete(message);
      if (kind === 'unknown') unknown++;
      if (number !== undefined && (kind === 'confirmed' || kind === 'sent')) record.add(number);
    };
    return await sendMessages(session, config, messages, queue === undefined ? undefined : `queue "${queue}"`, { settled });
  } finally {
    await record.close(unknown);
    const text = destinations?.describe();
    if (text !== undefined) session.emit({ kind: 'note', text });
  }
}

/** Refuses to send the same messages twice, but completes an import that was interrupted. */
function tellOfEarlier({ emit }: Session, { directory, queue }: ImportConfig, { messages }: Manifest, { arrived, doubtful, begun }: ImportRecord): void {
  if (arrived + doubtful === 0) return;
  const where = queue === undefined ? 'this broker' : `queue "${queue}" of this broker`;
  if (arrived === messages) {
    throw new Failure('usage', `the bundle in ${directory} is in ${where} already: all of its ${formatCount(messages, 'message')}, since ${begun}`, {
      hint: `nothing was published; ${option('again')} publishes them once more (${RECORD} in the bundle records the imports)`,
    });
  }
  const text =
    doubtful === 0
      ? `brought ${formatNumber(arrived)} of ${formatCount(messages, 'message')} to ${where}: this one sends the others`
      : `was interrupted, or still runs: ${formatNumber(arrived)} of ${formatCount(messages, 'message')} are known to be in ${where}; this one sends the others, and up to ${formatNumber(doubtful)} of them may be there twice`;
  emit({ kind: 'note', text: `an earlier import, of ${begun}, ${text}` });
}

async function* messagesOf(
  signal: AbortSignal,
  { directory, queue: to, keepBrokerHeaders }: ImportConfig,
  { files, queue: from }: Manifest,
  { has }: ImportRecord,
  onMessage: (message: Message, number: number) => Promise<void>,
): AsyncGenerator<readonly (Message | Failure)[]> {
  let number = 0;
  for (const { name } of files) {
    let line = 0;
    for await (const lines of readLines(await openFile(directory, name), signal)) {
      const messages: (Message | Failure)[] = [];
      for (const bytes of lines) {
        line++;
        number++;
        if (has(number)) continue;
        try {
          if (!isUtf8(bytes)) throw new Failure('data', 'the envelope is not valid UTF-8');
          const { exchange = '', routingKey = from, properties, body } = parseEnvelope(bytes.toString('utf8'));
          const address = to === undefined ? { exchange, routingKey } : { exchange: '', routingKey: to };
          const copy = movedCopy({ ...address, queue: from, redelivered: false, properties, body }, address, keepBrokerHeaders);
          const message = { ...copy, from: { file: name, line } };
          await onMessage(message, number);
          messages.push(message);
        } catch (error) {
          if (!(error instanceof Failure)) throw error;
          messages.push(error.saying(`${name}, line ${line}: ${error.message}`));
        }
      }
      yield messages;
    }
  }
}
