import { describeStayed, transferFailure } from '../../model/dead-letter/transfer.ts';
import { Failure } from '../../model/failure.ts';
import type { Delivery } from '../../model/message/message.ts';
import { formatDuration, formatNumber, MAX_TIMER } from '../../model/quantity.ts';
import { urlsIn } from '../../model/secrets.ts';
import type { ConnectionConfig, Session } from '../../patterns/connection.ts';
import type { Replayed, TransferOptions } from '../../patterns/dlx/replay/replay.ts';
import { visibleLine } from '../../text/escape.ts';
import { destructive } from '../asking.ts';
import type { Context, ExtraValues, Runnable } from '../command.ts';
import { decimal, duration, integer, path, text, toggle, trailing } from '../flags/flag.ts';
import { managementBeside, managementExtras, managementPlace } from '../flags/globals.ts';
import { type Selectable, selectExtras, selecting, vanished } from './select.ts';

/** How messages are moved from one queue to another. */
export const transferInputs = {
  count: integer('at most N matching messages', { short: 'n' }),
  rate: decimal('at most N messages a second'),
  dryRun: toggle('only show what would go where'),
  copy: toggle('leave the originals in the queue'),
  force: toggle('return messages to a quorum queue even near its delivery limit; send messages even where a full queue drops others for them'),
  keepBrokerHeaders: toggle('also publish the headers that a broker wrote'),
  journal: path(
    'append lines of JSON: a message is "confirmed" before its original is acknowledged, "moved" once that is known; one without a line is still in its queue, and of a run that was killed some of these have arrived as well',
  ),
} as const;

/** Options outside the config. */
export const transferExtras = {
  ...selectExtras,
  ...managementExtras,
  toUrl: text('AMQP URL of another broker to send them to', { value: 'URL' }),
  edit: toggle('send the output of the program behind -- instead of each body; where it fails or prints nothing, the message stays'),
  handlerTimeout: duration('with --edit: kill a program that takes longer, with all that it has started; its message stays (1m)'),
  cmd: trailing('the program for --edit: the body on standard input, the new one on standard output; its last newline goes if the body had none'),
} as const;

interface Transferring<I extends object, C> extends Pick<Runnable<I, C, typeof transferExtras>, 'config'> {
  readonly transfer: (source: Session, target: Session, config: C, options: TransferOptions) => Promise<Replayed>;
}

/** What a transferring command loads; `done` says what becomes of a message whose original does not stay. */
export function transferring<I extends object, C extends Config>(
  done: string,
  load: () => Promise<Transferring<I, C>>,
): () => Promise<Runnable<I, C, typeof transferExtras>> {
  return async () => {
    const [{ config, transfer }, { expressionOf }] = await Promise.all([load(), import('../../patterns/dlx/filter/filter.ts')]);
    return {
      config,
      check: expressionOf,
      run: (given, context, extras) =>
        transferAndTell(context, extras, given, given.copy ? 'copied' : done, (source, target, options) => transfer(source, target, given, options)),
    };
  };
}

type Config = Selectable & { readonly dryRun: boolean; readonly copy: boolean };

/**
 * Connects what a transfer needs, runs it and tells what became of it.
 *
 * @throws Failure for chosen messages that stay, and whatever `use` throws
 */
async function transferAndTell(
  context: Context,
  { select = false, managementUrl, toUrl, edit = false, handlerTimeout, cmd }: ExtraValues<typeof transferExtras>,
  config: Config,
  verb: string,
  use: (source: Session, target: Session, options: TransferOptions) => Promise<Replayed>,
): Promise<void> {
  if (edit !== (cmd !== undefined)) throw new Failure('usage', edit ? '--edit needs a program: -- CMD' : 'a program behind -- needs --edit');
  if (handlerTimeout !== undefined && !edit) throw new Failure('usage', '--handler-timeout needs --edit');
  const { connection, signal, results, json } = context;
  const { queue, dryRun } = config;
  const edited = cmd === undefined ? undefined : editor(cmd, handlerTimeout, context);
  if (!dryRun) await destructive(context, { doing: `taking messages from "${queue}"`, deletes: false })();
  const only = select ? await selecting(context, config, verb, managementUrl) : undefined;
  const emit: Context['emit'] = (event) => {
    if (event.kind === 'disconnected' && event.role === 'consumer') only?.again();
    context.emit(event);
  };
  const [{ withSession }, { askManagement, managementFinder }, { describeCopied }, { strandedFailure }] = await Promise.all([
    import('../../patterns/connection.ts'),
    import('../../patterns/management.ts'),
    import('../../patterns/look/read.ts'),
    import('../../patterns/look/options.ts'),
  ]);
  const targetConnection: ConnectionConfig = toUrl === undefined ? connection : elsewhereFor(connection, toUrl);
  const ask = await managementBeside(managementUrl, context);
  const api = managementFinder(connection, managementPlace(managementUrl, context), emit, signal);
  const options = { only, ask, api, ...(edited !== undefined && { edit: edited }) };
  const elsewhere = toUrl !== undefined && toUrl !== connection.url.join(',');
  const { counts, seconds, failure, refusal, destinations, claimedOrigins } = await withSession(
    connection,
    (source) => {
      if (toUrl === undefined) return use(source, source, options);
      const place = { url: undefined, asked: false };
      const beside = { ask: askManagement(targetConnection, place, emit, signal), api: managementFinder(targetConnection, place, emit, signal) };
      return withSession(targetConnection, (target) => use(source, target, { ...options, elsewhere, ...(elsewhere && { beside }) }), emit, signal);
    },
    emit,
    signal,
  );
  const rounded = Math.round(seconds * 1_000) / 1_000;
  if (dryRun) {
    const { moved: would, seen, chosen, depth, stayed, copiedBack, stranded } = counts;
    await results.report(
      { dryRun: true, queue, depth, seen, chosen, would, stayed, copiedBack, stranded, destinations, claimedOrigins, seconds: rounded },
      describeDryRun(counts, { destinations, claimedOrigins }, queue),
    );
    if (copiedBack > 0) emit({ kind: 'note', text: describeCopied(copiedBack, queue) });
    const why = failure ?? strandedFailure(queue, counts) ?? vanished(only, chosen);
    if (why !== undefined) throw why;
    return;
  }
  if (json) await results.report({ queue, ...counts, seconds: rounded }, '');
  else emit({ kind: 'transferred', counts, seconds, queue, verb });
  const why = failure ?? strandedFailure(queue, counts) ?? transferFailure(counts, refusal) ?? vanished(only, counts.chosen);
  if (why !== undefined) throw why;
}

/** Another broker has no business with the password or the token of the first one. */
function elsewhereFor({ password: _, token: __, ...connection }: ConnectionConfig, toUrl: string): ConnectionConfig {
  return { ...connection, url: urlsIn(toUrl) };
}

/** What would go where, a line each, and what would stay. */
function describeDryRun(
  { depth, seen, chosen, stayed }: Replayed['counts'],
  { destinations, claimedOrigins }: Pick<Replayed, 'destinations' | 'claimedOrigins'>,
  queue: string,
): string {
  const line = (destination: Destination): string => `${formatNumber(destination.messages).padStart(12)}  ${place(destination)}`;
  const places = destinations.map(line);
  const claims = claimedOrigins.map((claim) => line({ ...claim, claimed: true }));
  const others = [
    ...describeStayed(stayed),
    ...(chosen < seen ? [`${formatNumber(seen - chosen)} not chosen`] : []),
    ...(seen < depth ? [`${formatNumber(depth - seen)} not looked at`] : []),
  ];
  const head = places.length > 0 ? `would go from "${queue}" to` : `nothing would be sent from "${queue}"`;
  const claiming = claims.length > 0 ? ['with --trust-origin would also go to', ...claims] : [];
  return [head, ...places, ...others.map((words) => `  ${words}`), ...claiming].join('\n');
}

type Destination = Replayed['destinations'][number];

function place({ exchange, routingKey, messages, missing, claimed }: Destination): string {
  const address = exchange === '' ? `queue "${visibleLine(routingKey)}"` : `exchange "${visibleLine(exchange)}" with key "${visibleLine(routingKey)}"`;
  const where = claimed === true ? `${address} (claimed)` : address;
  const what = exchange === '' ? 'queue' : 'exchange';
  return missing === true ? `${where}: there is no such ${what}: ${messages === 1 ? 'it' : 'they'} would stay` : where;
}

/** A larger body is refused: the broker would refuse it too. */
const MOST_BYTES = 128 * 1_048_576;
/** How many messages that stay are reported one by one. */
const ONE_BY_ONE = 10;
const NEWLINE = 0x0a;
/** How long a program may take over one message, in milliseconds. */
const EDIT_TIMEOUT = 60_000;

/**
 * Edits a body with a program. A program that fails, takes too long, or prints too much or nothing leaves the message where it is.
 *
 * @throws Failure `usage` for an invalid timeout
 */
function editor(
  command: readonly string[],
  timeout = EDIT_TIMEOUT,
  { emit, signal }: Pick<Context, 'emit' | 'signal'>,
): (delivery: Delivery) => Promise<Buffer | undefined> {
  if (timeout < 1 || timeout > MAX_TIMER) throw new Failure('usage', `--handler-timeout must be more than 0s, and at most ${formatDuration(MAX_TIMER)}`);
  let stayed = 0;
  return async (delivery) => {
    const { runProgram } = await import('../../handlers/program.ts');
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), timeout);
    const { code, stdout, overflowed } = await runProgram({
      command,
      delivery,
      attempt: 1,
      fd3: false,
      signal: AbortSignal.any([signal, late.signal]),
      collect: { maxBytes: MOST_BYTES },
      emit,
    }).finally(() => clearTimeout(timer));
    const body = newBody(stdout, delivery.body);
    const why = late.signal.aborted
      ? `took longer than ${formatDuration(timeout)} (--handler-timeout)`
      : overflowed
        ? 'printed too much'
        : code !== 0
          ? `ended with ${code}`
          : body.length > 0 || delivery.body.length === 0
            ? undefined
            : `printed ${stdout.length === 0 ? 'nothing' : 'nothing but a newline'}`;
    if (why === undefined) return body;
    const { messageId } = delivery.properties;
    const which = messageId === undefined ? 'a message' : `the message "${messageId}"`;
    if (++stayed <= ONE_BY_ONE) emit({ kind: 'note', text: `${which} stays: the program that edits it ${why}` });
    return undefined;
  };
}

/** What a program printed, without the one newline that programs add to a body that had none. */
function newBody(printed: Buffer, old: Buffer): Buffer {
  const one = printed.at(-1) === NEWLINE && printed.at(-2) !== NEWLINE;
  return one && old.at(-1) !== NEWLINE ? printed.subarray(0, -1) : printed;
}
