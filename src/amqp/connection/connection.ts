import type { Socket } from 'node:net';
import { type ChannelModel, connect, credentials } from 'amqplib';
import { deferred, onAbort, within } from '../../model/async.ts';
import type { Emit, Role } from '../../model/event.ts';
import { abortFailure, brokenRule, Failure } from '../../model/failure.ts';
import { option } from '../../model/option.ts';
import { formatDuration, formatSize } from '../../model/quantity.ts';
import { watchFrames } from '../codec/amqplib-internals.ts';
import type { Address } from './address.ts';
import { channelFailure, replyCode } from './broker-errors.ts';
import type { CredentialsConfig } from './credentials.ts';
import { handshakeFailure, timeoutFailure, vhostFailure } from './login-errors.ts';
import { hasCertificate, type TlsConfig, type TlsOptions, tlsOptions } from './tls.ts';

export interface DialConfig extends TlsConfig, CredentialsConfig {
  /** Milliseconds; absent: what the URL says, else the default. */
  readonly connectTimeout?: number | undefined;
  /** Milliseconds to keep trying before the first success; absent: as many rounds as `connectAttempts` says; 0 after a loss. */
  readonly wait?: number | undefined;
  readonly heartbeat?: number | undefined;
  readonly blockedTimeout: number;
  /** Milliseconds that the broker may leave a question unanswered while it sends nothing else. */
  readonly answerTimeout: number;
  /** Bytes that a received body may have. */
  readonly maxMessageSize: number;
  readonly name?: string | undefined;
}

/** An open connection. It is open until `lost` resolves, or until `close` is called. */
export interface Connection {
  readonly model: ChannelModel;
  readonly address: Address;
  /** What the broker calls itself: `RabbitMQ`; empty when it does not say. */
  readonly product: string;
  /** The broker's version, such as `4.0.5`; empty when it does not say. */
  readonly version: string;
  /** The name of its cluster; empty when it does not say. A single node has one too. */
  readonly cluster: string;
  /** False once it has ended, by itself or by `close`. */
  readonly open: boolean;
  /** Resolves with the reason when the connection ends by itself. */
  readonly lost: Promise<Failure>;
  /** True while an alarm of the broker blocks publishing on this connection. */
  readonly blocked: boolean;
  /** Called whenever `blocked` changes. */
  onFlow: (() => void) | undefined;
  /** Stops reading from the socket, or reads on. Answers that questions wait for are still read. */
  readonly holdBack: (held: boolean) => void;
  /** How many questions wait for an answer. */
  questions: number;
  /** See `DialConfig`. */
  readonly answerTimeout: number;
  /** Aborted when the run is to stop: questions then time out sooner. */
  readonly stopping: AbortSignal;
  /** Whole frames received, without heartbeats. */
  readonly frames: number;
  /** True when it was given up because the broker did not answer. */
  readonly unanswered: boolean;
  /** True when it was lost without a close from the broker, which may not know of the loss yet. */
  readonly silent: boolean;
  /** True once something was achieved on it that needs a working broker. */
  ofUse: boolean;
  /** Ends it at once, as if it were lost for this reason. */
  readonly giveUp: (failure: Failure) => void;
  /** True once `close` was called. */
  readonly left: boolean;
  /** Closes it, cleanly where the peer still answers; takes a few seconds at most. */
  readonly close: () => Promise<void>;
}

const CONNECT_TIMEOUT = 10_000;
const HEARTBEAT = 60_000;
const CLOSE_TIMEOUT = 3_000;
/** An alarm that lifts within this many milliseconds is not reported: one that comes and goes would fill the logs. */
const SHORT_ALARM = 100;
/** No broker takes larger messages than this: RabbitMQ limits them to an eighth of it. */
const LARGEST = 4 * 1_024 ** 3;
/** Milliseconds for each address of a host name. Node's 250 ms are too short for a slow link. */
const ADDRESS_TIMEOUT = 2_000;

/**
 * Connects to one broker and logs in; `signal` ends the attempt, `stopping` the run.
 *
 * @throws Failure `unavailable`, `denied`, `later` when a connection limit is reached, what `tlsOptions` throws, or what
 * the signal was aborted with
 */
export async function dial(
  address: Address,
  config: DialConfig,
  role: Role,
  emit: Emit,
  { signal, stopping }: { readonly signal: AbortSignal; readonly stopping: AbortSignal },
): Promise<Connection> {
  if (signal.aborted) throw abortFailure(signal);
  const timeout = config.connectTimeout ?? address.connectTimeout ?? CONNECT_TIMEOUT;
  const tls = await tlsOptions(address, config);
  // Aborting destroys the socket in whichever phase it is; otherwise it keeps the process alive until its timeout.
  const dialing = new AbortController();
  const abandon = (): void => dialing.abort();
  const ignore = onAbort(signal, abandon);
  const timer = setTimeout(abandon, timeout);
  try {
    const model = await open(address, config, role, tls, dialing.signal);
    return watch(model, address, config, role, emit, stopping);
  } catch (error) {
    const vhostRefused = error instanceof Error && error.message.includes('Expected ConnectionOpenOk; got <ConnectionClose');
    const failure = vhostRefused
      ? vhostFailure(address, await (await import('./handshake.ts')).openByHand(address, tls, dialing.signal), config.wait)
      : handshakeFailure(error, address, config.wait, hasCertificate(address, config));
    if (signal.aborted) throw abortFailure(signal);
    throw dialing.signal.aborted && !vhostRefused ? timeoutFailure(address, timeout) : failure;
  } finally {
    clearTimeout(timer);
    ignore();
  }
}

async function open(address: Address, config: DialConfig, role: Role, tls: TlsOptions | undefined, signal: AbortSignal): Promise<ChannelModel> {
  const socketOptions = {
    ...tls,
    noDelay: true,
    keepAlive: true,
    highWaterMark: 1_048_576,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: ADDRESS_TIMEOUT,
    signal,
    // amqplib's own version and address would be taken for those of this program.
    clientProperties: { product: 'rmq', version: undefined, information: undefined, connection_name: config.name ?? `rmq ${role}` },
    ...(address.mechanism === 'external' && { credentials: credentials.external() }),
  };
  return connect(
    {
      protocol: address.tls ? 'amqps' : 'amqp',
      hostname: address.host,
      port: address.port,
      username: address.username,
      password: address.password,
      // amqplib percent-decodes it once more.
      vhost: encodeURIComponent(address.vhost),
      heartbeat: (config.heartbeat ?? address.heartbeat ?? HEARTBEAT) / 1_000,
      ...(address.channelMax !== undefined && { channelMax: address.channelMax }),
    },
    socketOptions,
  );
}

function watch(model: ChannelModel, address: Address, config: DialConfig, role: Role, emit: Emit, stopping: AbortSignal): Connection {
  const { frames, pause } = watchFrames(model, {
    most: config.maxMessageSize,
    onTooLarge: (size) =>
      connection.giveUp(
        size > LARGEST
          ? brokenRule(`it announced a message of ${formatSize(size)}, and no broker takes more than ${formatSize(LARGEST)}`)
          : new Failure('refused', `the broker sends a message of ${formatSize(size)}; at most ${formatSize(config.maxMessageSize)} are accepted`, {
              hint: `${option('maxMessageSize')} accepts larger ones; they are held in memory`,
            }),
      ),
    onEmptyPart: () => connection.giveUp(brokenRule('it sent a part of a body that is empty')),
  });
  let open = true;
  let unanswered = false;
  let left = false;
  let closing: Promise<void> | undefined;
  let blocked = false;
  let held = false;
  let questions = 0;
  let reason: unknown;
  let alarm: NodeJS.Timeout | undefined;
  const { promise: lost, resolve: lose } = deferred<Failure>();
  const ended = new Promise<void>((resolve) => model.once('close', () => resolve()));
  const socket = (model.connection as unknown as { stream?: Socket }).stream;
  /** When the current block began, and the time of earlier blocks since something last arrived on a channel. */
  let since = 0;
  let spent = 0;
  let heard = 0;
  let telling: NodeJS.Timeout | undefined;
  let told = false;
  const flow = (now: boolean): void => {
    blocked = now;
    clearTimeout(alarm);
    clearTimeout(telling);
    connection.onFlow?.();
  };
  model.on('error', (error) => {
    reason ??= error;
    // amqplib answers a frame that it cannot read with a close of its own, and then waits for a peer that may not read that either.
    setImmediate(() => open && connection.giveUp(channelFailure(error)));
  });
  // A close by the broker's operator comes without an 'error': everything is driven from 'close'.
  model.on('close', (error) => {
    open = false;
    clearTimeout(alarm);
    clearTimeout(telling);
    lose(channelFailure(reason ?? error ?? new Error('closed')));
    // amqplib only half-closes it, and a peer that has gone silent would keep the process alive. A peer that said why it
    // closes still gets its answer.
    if (replyCode(error) !== undefined) socket?.destroySoon();
    else setImmediate(() => socket?.destroy());
    pause(false);
  });
  model.on('blocked', (why) => {
    if (blocked) return;
    flow(true);
    // A broker that blocks and unblocks in turn and answers nothing gets no more time than one that stays blocked.
    if (frames() !== heard) spent = 0;
    heard = frames();
    since = performance.now();
    telling = setTimeout(() => {
      told = true;
      emit({ kind: 'blocked', role, reason: String(why) });
    }, SHORT_ALARM);
    alarm = setTimeout(
      () => {
        open = false;
        const waited = formatDuration(config.blockedTimeout);
        lose(
          new Failure('later', `the broker has blocked publishing for longer than ${waited}: ${why}`, {
            hint: 'free memory or disk space on the broker, then try again',
          }),
        );
      },
      Math.max(0, config.blockedTimeout - spent),
    );
  });
  model.on('unblocked', () => {
    if (!blocked) return;
    flow(false);
    spent += performance.now() - since;
    if (told) emit({ kind: 'unblocked', role });
    told = false;
  });
  const { product = '', version = '', cluster_name: cluster = '' }: Record<string, unknown> = model.connection.serverProperties ?? {};
  const connection: Connection = {
    model,
    address,
    product: String(product),
    version: String(version),
    cluster: String(cluster),
    lost,
    get open() {
      return open;
    },
    get blocked() {
      return blocked;
    },
    onFlow: undefined,
    holdBack: (now) => {
      held = now;
      pause(held && questions === 0);
    },
    get questions() {
      return questions;
    },
    set questions(now) {
      questions = now;
      pause(held && questions === 0);
    },
    ofUse: false,
    answerTimeout: config.answerTimeout,
    stopping,
    get frames() {
      return frames();
    },
    get unanswered() {
      return unanswered;
    },
    get silent() {
      return unanswered || (reason instanceof Error && reason.message === 'Heartbeat timeout');
    },
    get left() {
      return left;
    },
    giveUp: (failure) => {
      open = false;
      unanswered = true;
      clearTimeout(alarm);
      clearTimeout(telling);
      lose(failure);
      socket?.destroy(new Error('closed'));
      pause(false);
    },
    close: () => {
      closing ??= leave();
      return closing;
    },
  };
  const leave = async (): Promise<void> => {
    open = false;
    left = true;
    clearTimeout(alarm);
    clearTimeout(telling);
    pause(false);
    // close() never settles when the peer dies before it answers.
    await within(CLOSE_TIMEOUT, Promise.race([Promise.resolve(model.close()).catch(() => undefined), ended]));
    // With an error: amqplib does not notice a destroy otherwise, and its heartbeat timers would keep the process alive. A command has ended by then: taking a
    // closed socket apart takes Node half a millisecond.
    setImmediate(() => socket?.destroy(new Error('closed')));
  };
  return connection;
}
