import { checkFilled } from '../../model/message/field-text.ts';
import type { Session } from '../../patterns/connection.ts';
import type { Drafts } from '../../patterns/publish/input.ts';
import type { PublishingConfig } from '../../patterns/publish/publish.ts';
import type { Runnable } from '../command.ts';
import { argument, decimal, duration, fields, integer, off, path, paths, templatedFields, text, toggle } from './flag.ts';

/** The message flags that every publishing command takes. */
export const messageInputs = {
  contentType: text('MIME type of the body', { value: 'TYPE' }),
  contentEncoding: text('encoding of the body, such as gzip', { value: 'ENCODING' }),
  header: fields('header; K:=JSON for numbers, booleans and typed values', { short: 'H' }),
  priority: integer('priority, 0 to 255'),
  correlationId: text('correlation id', { value: 'ID' }),
  replyTo: text('queue for the reply', { value: 'QUEUE' }),
  ttl: duration('the message expires in its queue after this long'),
  messageId: text('message id (one is made for each message)', { value: 'ID' }),
  timestamp: integer('seconds since 1970', { value: 'SECONDS' }),
  type: text('type of the message', { value: 'TYPE' }),
  userId: text('user id; the broker checks it', { value: 'USER' }),
  appId: text('application id', { value: 'ID' }),
  transient: toggle('not persistent: may be lost when the broker restarts'),
} as const;

/** Where the bodies come from. */
export const sourceInputs = {
  file: paths('read the body from a file (- is standard input); repeat it for a message each', { short: 'f' }),
  lines: toggle('each line of the input is a message'),
  envelopes: toggle('each line of the input is an envelope, as consume -o json prints it'),
  keepBrokerHeaders: toggle('with --envelopes: publish x-death, x-delivery-count and their kind too, which a broker has written'),
  count: integer('publish the body N times; of lines or envelopes the first N', { short: 'n' }),
  chomp: toggle('drop one newline at the end of standard input or of a file'),
  allowEmpty: toggle('send an empty message where standard input or a file is empty'),
} as const;

/** How they are sent. */
export const sendingInputs = {
  rate: decimal('at most N messages a second'),
  window: integer('unconfirmed messages in flight'),
  confirm: off('do not wait for the broker to take responsibility'),
  allowUnroutable: toggle('accept that no queue is bound for the key'),
  confirmTimeout: duration('connect again after this long without any confirm'),
  timeout: duration('give up after this long'),
  returned: path('add each message that no queue is bound for to a file, as an envelope for publish --envelopes'),
} as const;

/** What is filled in. */
export const templateInputs = {
  template: toggle('fill {{n}}, {{uuid}}, {{now}} and {{random 1 100}} in body, headers and key'),
  data: path('a message for each row of a .csv or .ndjson file, with its {{field}} filled in; -n N takes the first N', { value: 'FILE' }),
} as const;

/** The body and everything about it, as every publishing command takes it. */
export const publishingInputs = {
  body: argument('the body; without it, --file or standard input', { optional: true }),
  ...messageInputs,
  header: templatedFields(messageInputs.header.help, { short: 'H' }),
  ...sourceInputs,
  ...templateInputs,
  ...sendingInputs,
  schema: path('send no body that does not satisfy this JSON Schema', { value: 'FILE' }),
  delay: duration('let messages wait this long in a durable queue before they go where they are sent'),
} as const;

/** Standard input is the body where no other is given. */
export const readsStdin = ({ body, file }: Readonly<Record<string, unknown>>): boolean => body === undefined && (!Array.isArray(file) || file.includes('-'));

interface Publishing<I extends object, C> extends Pick<Runnable<I, C, Record<never, never>>, 'config' | 'check'> {
  readonly publish: (session: Session, config: C, drafts: Drafts) => Promise<unknown>;
}

/** What a publishing command loads: it opens where the bodies come from, and publishes them over a session. */
export function publishing<I extends object, C extends PublishingConfig>(
  load: () => Promise<Publishing<I, C>>,
): () => Promise<Runnable<I, C, Record<never, never>>> {
  return async () => {
    const [{ publish, ...rest }, { openDrafts }] = await Promise.all([load(), import('../../patterns/publish/input.ts')]);
    return {
      ...rest,
      run: async (config, context) => {
        const isFilled = config.template || config.data !== undefined;
        if (!isFilled) checkFilled(config.header);
        const open = isFilled ? (await import('../../patterns/publish/templated.ts')).openTemplated : openDrafts;
        const fitting =
          config.schema === undefined ? undefined : await (await import('../../patterns/expect/schema.ts')).draftCheck(config.schema, context.emit);
        const given = await open(config, context, context.signal);
        const drafts = fitting?.(given) ?? given;
        await context.withSession((session) => publish(session, config, drafts));
      },
    };
  };
}
