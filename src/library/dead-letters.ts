import type { JudgedOrigin } from '../model/dead-letter/origin.ts';
import { transferFailure } from '../model/dead-letter/transfer.ts';
import type { PublishCounts } from '../model/event.ts';
import { Failure } from '../model/failure.ts';
import type { Body, Delivery } from '../model/message/message.ts';
import { isPlainObject, quote } from '../model/text.ts';
import * as exporting from '../patterns/dlx/bundle/export.ts';
import * as importing from '../patterns/dlx/bundle/import.ts';
import * as purging from '../patterns/dlx/bundle/purge.ts';
import type { Manifest } from '../patterns/dlx/bundle/writer.ts';
import type { lettersShape } from '../patterns/dlx/filter/filter.ts';
import * as inspecting from '../patterns/dlx/inspect.ts';
import * as listing from '../patterns/dlx/list.ts';
import * as replaying from '../patterns/dlx/replay/replay.ts';
import type { targetShape } from '../patterns/dlx/replay/target.ts';
import { DlxSetupConfig, type dlxSetupShape } from '../patterns/dlx/setup/config.ts';
import * as settingUp from '../patterns/dlx/setup/setup.ts';
import { strandedFailure } from '../patterns/look/options.ts';
import { managementBesideBroker } from '../patterns/management.ts';
import { checkedOptions } from '../patterns/options.ts';
import { depthOf } from '../patterns/queue/purge.ts';
import { checkHandler } from './handle.ts';
import type { Call, Input } from './options.ts';
import type { PublishMessagesOptions } from './publish.ts';
import { type Inside, insideOf, type Session, within } from './session.ts';

/** Which dead letters are wanted: all of a queue unless told otherwise. Durations are milliseconds. */
export interface FilterOptions extends Input<typeof lettersShape> {}

/** What `setupDeadLetters` takes. Durations are milliseconds. */
export interface SetupOptions extends Input<typeof dlxSetupShape> {}

/**
 * Sets up the dead letters of a queue: what is missing is declared, the queue itself last, so that it never dead-letters into nothing. Doing it twice
 * changes nothing. With `plan`, nothing is touched at all, and conflicts are in the plan.
 *
 * @throws Failure `usage` for wrong options; `refused` that names each argument in conflict, and then nothing was declared; `missing` for a policy on a
 * queue that is not there; `unavailable` for one without the management API; `later` or `negative` for what `verify` finds
 */
export async function setupDeadLetters(session: Session, options: SetupOptions, call?: Call): Promise<settingUp.SetUp> {
  const config = checkedOptions(DlxSetupConfig, options);
  return within(session, config.queue, call, (links, { config: connection, place }) =>
    settingUp.setupDeadLetters(links, config, { connection, management: place }),
  );
}

/**
 * Every queue of the vhost that dead-letters, or these, with where its dead letters go and what is wrong with that. The management API tells.
 *
 * @throws Failure `usage` for wrong options, `missing` for a queue that is not there, `unavailable` and `denied` as the API gives it
 */
export async function listDeadLetters(
  session: Session,
  options: { readonly queue?: string[] | undefined } = {},
  call?: Call,
): Promise<readonly listing.DeadLettering[]> {
  const config = checkedOptions(listing.DlxListConfig, options);
  return within(session, undefined, call, (links, inside) =>
    listing.listDeadLetters(managementBesideBroker(inside.config, inside.place, links.signal), config),
  );
}

/** What is told of a dead letter beside itself. */
export interface Letter {
  /** Among those that the filters let through, from 1. */
  readonly number: number;
  /** Where it was published to at first, and whether only it says so; undefined where it tells of none. */
  readonly origin: JudgedOrigin | undefined;
}

/**
 * Hands out the dead letters that the filters let through, and leaves the queue as it is; `deathHistory` reads how each died. The body is a part of what the
 * socket read: copy what is to be kept.
 *
 * @throws Failure `usage` for wrong options, `missing`, `refused` where looking may cost messages (`force`), `partial` where it has
 */
export async function inspectDeadLetters(
  session: Session,
  options: FilterOptions,
  onLetter: (message: Delivery, letter: Letter) => Promise<void> | void,
  call?: Call,
): Promise<inspecting.Inspected> {
  insideOf(session);
  const config = checkedOptions(inspecting.InspectConfig, options);
  checkHandler(onLetter, 'onLetter');
  return within(session, config.queue, call, async (links, inside) => {
    const looking = (message: Delivery, number: number, origin: JudgedOrigin | undefined): Promise<void> | undefined =>
      onLetter(message, { number, origin }) ?? undefined;
    const inspected = await inspecting.inspect(links, config, Date.now(), looking, { ask: inside.ask(links), api: inside.api(links) });
    return kept(config.queue, inspected);
  });
}

type TransferShape = typeof replaying.transferShape;

/** How dead letters are taken to another place. */
export interface TransferOptions extends FilterOptions, Input<Omit<TransferShape, 'count' | 'force'>> {
  /** Another broker that gets them. */
  readonly target?: Session | undefined;
  /** The body that a message gets; undefined when there is none, and the message stays. */
  readonly edit?: ((message: Delivery) => Promise<Body | undefined>) | undefined;
}

/** What `replayDeadLetters` takes. */
export interface ReplayOptions extends TransferOptions, Input<typeof targetShape> {
  /** A message that has been replayed as often stays. @defaultValue 3 */
  readonly maxReplays?: number | undefined;
}

/**
 * Publishes dead letters again, each where it was published to at first unless the options say where, and takes those off their queue that have arrived. They
 * begin anew: without their history, at their first attempt.
 *
 * @throws Failure `usage` for wrong options or a target that is the queue itself, `missing`, `unavailable`, and `partial` or the one reason when messages
 * stay that were to go; the event `transferred` has the counts then
 */
export async function replayDeadLetters(session: Session, options: ReplayOptions, call?: Call): Promise<replaying.Replayed> {
  return transferring(session, options, call, (config, source, target, rest) =>
    replaying.replay(source, target, checkedOptions(replaying.ReplayConfig, config), rest),
  );
}

/** What `moveMessages` takes. */
export interface MoveOptions extends TransferOptions {
  readonly toQueue: string;
}

/**
 * Takes messages from a queue to another one as they are, with the history of how they died.
 *
 * @throws Failure as {@link replayDeadLetters} does
 */
export async function moveMessages(session: Session, options: MoveOptions, call?: Call): Promise<replaying.Replayed> {
  return transferring(session, options, call, (config, source, target, rest) =>
    replaying.move(source, target, checkedOptions(replaying.MoveConfig, config), rest),
  );
}

type Links = Inside['links'];
type Use = (config: object, source: Links, target: Links, rest: replaying.TransferOptions) => Promise<replaying.Replayed>;

async function transferring(session: Session, options: TransferOptions, call: Call | undefined, use: Use): Promise<replaying.Replayed> {
  if (!isPlainObject(options)) throw new Failure('usage', `the options must be an object, got ${quote(options)}`);
  const { target = session, edit, ...config } = options;
  insideOf(target);
  if (edit !== undefined) checkHandler(edit, 'edit');
  return within(session, config.queue, call, (source, inside) => {
    const rest = { elsewhere: target !== session, ask: inside.ask(source), api: inside.api(source), ...(edit !== undefined && { edit }) };
    const run = async (to: Links, its: Inside = inside): Promise<replaying.Replayed> => {
      const done = await use(config, source, to, { ...rest, beside: { ask: its.ask(to), api: its.api(to) } });
      const { counts, seconds, failure, refusal } = done;
      source.emit({ kind: 'transferred', counts, seconds, queue: config.queue, verb: 'moved' });
      const why = failure ?? strandedFailure(config.queue, counts) ?? transferFailure(counts, refusal);
      if (why !== undefined) throw why;
      return done;
    };
    return target === session ? run(source) : within(target, undefined, call, run);
  });
}

/** What `exportDeadLetters` takes. */
export interface ExportOptions extends FilterOptions {
  /** Where the bundle goes: a directory that does not exist, or is empty. */
  readonly directory: string;
  /** Bytes after which the bundle goes on in another file. @defaultValue 64 MiB */
  readonly fileSize?: number | undefined;
}

/** What was exported. */
export interface ExportedLetters extends exporting.Exported {
  readonly manifest: Manifest;
}

/**
 * Writes dead letters into a new bundle, with checksums, and leaves the queue as it is.
 *
 * @throws Failure `usage` for wrong options, `io` for a directory that cannot be written, `missing`, `refused` and `partial` as {@link inspectDeadLetters} does
 */
export async function exportDeadLetters(session: Session, options: ExportOptions, call?: Call): Promise<ExportedLetters> {
  const config = checkedOptions(exporting.ExportConfig, options);
  const { directory } = config;
  if (directory === undefined) throw new Failure('usage', 'directory is missing');
  return within(session, config.queue, call, async (links, inside) =>
    kept(config.queue, await exporting.exportBundle(links, { ...config, directory }, Date.now(), inside.ask(links))),
  );
}

/** What `importDeadLetters` takes. Durations are milliseconds. */
export interface ImportOptions extends PublishMessagesOptions, Input<typeof importing.importShape> {}

/**
 * Publishes the messages of a bundle, confirmed, after all of it was checked. What an earlier import has brought there is not sent again.
 *
 * @throws Failure `usage` for wrong options and for a bundle that was imported there before, `data` for one that is not as it was written, and as `publishMessages` does
 */
export async function importDeadLetters(session: Session, options: ImportOptions, call?: Call): Promise<PublishCounts> {
  const config = checkedOptions(importing.ImportConfig, options);
  return within(session, config.queue, call, (links, inside) => importing.importBundle(links, config, { ask: inside.ask(links), api: inside.api(links) }));
}

/** What `purgeDeadLetters` takes. */
export interface PurgeOptions extends FilterOptions {
  /** A new bundle that has the messages before they are removed. */
  readonly exportTo?: string | undefined;
}

/**
 * Removes dead letters for good, without a question. With a bundle, they are removed only once it is complete and on the disk.
 *
 * @throws Failure as {@link exportDeadLetters} does: nothing was removed then, unless the connection was lost in the end; `refused` for a stream
 */
export async function purgeDeadLetters(session: Session, options: PurgeOptions, call?: Call): Promise<purging.Purged> {
  const config = checkedOptions(purging.PurgeConfig, options);
  return within(session, config.queue, call, async (links, inside) => {
    await depthOf(links, config.queue);
    return kept(config.queue, await purging.purge(links, config, Date.now(), inside.ask(links)));
  });
}

/** @throws Failure `partial` when looking has cost messages */
function kept<T extends { readonly stranded: number }>(queue: string, done: T): T {
  const gone = strandedFailure(queue, done);
  if (gone !== undefined) throw gone;
  return done;
}
