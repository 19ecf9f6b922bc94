import { setTimeout as delay } from 'node:timers/promises';
import type { Session } from '../../amqp/connection/session.ts';
import { Requester } from '../../amqp/rpc/requester.ts';
import { deferred } from '../../model/async.ts';
import { abortFailure, Failure } from '../../model/failure.ts';
import type { Message } from '../../model/message/message.ts';
import { option } from '../../model/option.ts';
import { formatCount, formatDuration, formatNumber } from '../../model/quantity.ts';
import { ConsumeConfig } from '../consume/config.ts';
import { take } from '../consume/run.ts';
import { uniqueId } from '../names.ts';
import { SendingConfig, sendMessages } from '../publish/send.ts';
import { callOver } from '../rpc/client.ts';
import { RpcServerConfig, rpcServer } from '../rpc/server.ts';
import type { BenchConsumeConfig, BenchLatencyConfig, BenchPublishConfig, BenchRpcConfig } from './config.ts';
import { type Benched, Gauge, onBenchQueue, type Stage, stoppable } from './stage.ts';

/** Milliseconds to wait for a message that the broker has confirmed. */
const PATIENCE = 10_000;
/** Seconds: a longer warm-up is told. */
const TOLD = 1;
/** Messages that share a write, and their bytes. */
const BATCH = 500;
const BATCH_BYTES = 262_144;

/** Publishes as fast as the window allows, or at a rate; what is timed is each message, until it is confirmed. */
export async function benchPublish(session: Session, config: BenchPublishConfig): Promise<Benched> {
  return onBenchQueue(session, config, async (stage) => {
    const { gauge } = stage;
    await pour(stage, config, {
      settled: ({ sentAt }, isSure) => {
        if (isSure) gauge.add(config.confirm ? sentAt : undefined);
      },
    });
    // Without confirms, the broker has read everything only now.
    if (!config.confirm) gauge.end();
  });
}

/** Consumes what waits in a queue; what is timed is the pause between one message and the next. */
export async function benchConsume(session: Session, config: BenchConsumeConfig): Promise<Benched> {
  const { warmUp, count, prefetch, ack } = config;
  return onBenchQueue(session, config, async (stage) => {
    const { gauge, queue } = stage;
    const all = warmUp + count;
    await pour({ ...stage, gauge: new Gauge(), goesOn: (begun) => begun < all }, { ...config, warmUp: 0 }, {});
    const consumer = stoppable(stage.session);
    let seen = 0;
    let timer: NodeJS.Timeout | undefined;
    const start = (): void => {
      gauge.start();
      timer = setTimeout(consumer.stop, stage.lasting);
    };
    const taking = take(
      consumer.session,
      ConsumeConfig.parse({ queue, prefetch, ack, idle: PATIENCE }),
      async () => {
        if (gauge.running) gauge.addNext();
        if (++seen === warmUp) start();
        if (seen === all) consumer.stop();
      },
      { graceful: true, neverStream: true },
    );
    const { counts, failure } = await taking.finally(() => clearTimeout(timer));
    gauge.begun = gauge.done;
    if (failure !== undefined) throw failure;
    if (session.signal.aborted) throw abortFailure(session.signal);
    const isLate = gauge.running && gauge.elapsed >= stage.lasting;
    if (seen < all && !isLate) {
      gauge.begun += all - seen;
      throw lost(all - seen, 'confirmed, and did not come back');
    }
    if (ack && counts.unknown > 0) throw lost(counts.unknown, 'acknowledged, and the broker may not know');
  });
}

/** Publishes at a rate and consumes at the same time; what is timed is each message, from its sending to its delivery. */
export async function benchLatency(session: Session, config: BenchLatencyConfig): Promise<Benched> {
  return onBenchQueue(session, config, async (stage) => {
    const { gauge, queue } = stage;
    const flying = new Map<string | undefined, Timed>();
    const empty = deferred<void>();
    let sent = false;
    const consumer = stoppable(stage.session);
    const taking = take(
      consumer.session,
      ConsumeConfig.parse({ queue, prefetch: config.prefetch }),
      async ({ properties: { messageId } }) => {
        const message = flying.get(messageId);
        // One that comes again was counted.
        if (message === undefined) return;
        flying.delete(messageId);
        if (message.counts) gauge.add(message.sentAt);
        if (sent && flying.size === 0) empty.resolve();
      },
      { graceful: true, neverStream: true, onSubscribed: () => consumer.session.emit({ kind: 'subscribed', queue, text: '' }) },
    );
    const failed = taking.then(({ failure }) => Promise.reject(failure ?? new Failure('interrupted', 'stopped')));
    failed.catch(() => undefined);
    try {
      await Promise.race([consumer.subscribed, failed]);
      await pour(stage, config, { sending: (message) => flying.set(message.properties.messageId, message) });
      sent = true;
      const { signal } = stage.session;
      if (flying.size > 0)
        await Promise.race([empty.promise, failed, delay(PATIENCE, undefined, { signal }).catch(() => Promise.reject(abortFailure(signal)))]);
    } finally {
      consumer.stop();
      await taking.catch(() => undefined);
    }
    if (flying.size > 0) throw lost(flying.size, `confirmed, and did not come back within ${formatDuration(PATIENCE)}`);
  });
}

function lost(count: number, what: string): Failure {
  return new Failure('partial', `${formatCount(count, 'message')} ${count === 1 ? 'was' : 'were'} ${what}`, { hint: 'what was measured does not count them' });
}

/** A message that knows when it was sent. */
interface Timed extends Message {
  sentAt: number;
  /** False for one of the warm-up. */
  readonly counts: boolean;
}

interface Pouring extends Partial<Pick<BenchPublishConfig, 'rate' | 'window' | 'confirm'>> {
  readonly warmUp: number;
  readonly transient: boolean;
}

interface Hearing {
  readonly sending?: (message: Timed) => void;
  /** One that counts has an outcome; `isSure` when the broker has it, or has it without having to say so. */
  readonly settled?: (message: Timed, isSure: boolean) => void;
}

/** Sends the messages of the warm-up, and then, once each of them has its outcome, starts the clock and sends those that count. */
async function pour(stage: Stage, { rate, window, confirm, warmUp, transient }: Pouring, { sending, settled }: Hearing): Promise<void> {
  const { session, queue, gauge, body, goesOn } = stage;
  if (rate !== undefined && warmUp > rate * TOLD) {
    const text = `warming up for ${formatDuration((warmUp / rate) * 1_000)}: ${formatCount(warmUp, 'message')} at ${formatNumber(rate)} a second (${option('warmUp')})`;
    session.emit({ kind: 'note', text });
  }
  const run = uniqueId();
  const warm = deferred<void>();
  let number = 0;
  let cold = warmUp;
  let counted = 0;
  const make = (counts: boolean): Timed => {
    const properties = { deliveryMode: transient ? 1 : 2, messageId: `${run}-${++number}` };
    return { exchange: '', routingKey: queue, properties, body, sentAt: 0, counts };
  };
  const most = rate === undefined ? Math.max(1, Math.min(BATCH, Math.floor(BATCH_BYTES / (body.length + 1)))) : 1;
  async function* messages(): AsyncGenerator<readonly Timed[]> {
    for (let left = warmUp; left > 0; left -= most) yield Array.from({ length: Math.min(most, left) }, () => make(false));
    if (warmUp > 0) await warm.promise;
    gauge.start();
    for (let batch: Timed[] = []; ; batch = []) {
      while (batch.length < most && goesOn(counted)) {
        counted++;
        batch.push(make(true));
      }
      if (batch.length === 0) return;
      yield batch;
    }
  }
  await sendMessages(session, SendingConfig.parse({ rate, window, confirm }), messages(), queue, {
    sending: (message) => {
      const timed = message as Timed;
      timed.sentAt = performance.now();
      if (timed.counts) gauge.begun++;
      sending?.(timed);
    },
    settled: (message, { kind }) => {
      const timed = message as Timed;
      if (timed.counts) settled?.(timed, kind === 'confirmed' || kind === 'sent');
      else {
        cold -= 1;
        if (cold === 0) warm.resolve();
      }
    },
  });
}

/** Calls a server in this process, which answers with what it got; what is timed is each call. */
export async function benchRpc(session: Session, config: BenchRpcConfig): Promise<Benched> {
  const { concurrency, warmUp, timeout } = config;
  return onBenchQueue(session, config, async ({ session: own, queue, gauge, body, goesOn }) => {
    const server = stoppable(own);
    const serving = rpcServer(server.session, RpcServerConfig.parse({ queue, concurrency, grace: 0 }), async (request) => request.body);
    const failed = serving.then(() => Promise.reject(new Error('the server stopped')));
    failed.catch(() => undefined);
    const requester = new Requester(own, { queue, idempotent: false });
    const calls = async (mayBegin: () => boolean, done: (since: number) => void): Promise<void> => {
      const caller = async (): Promise<void> => {
        while (mayBegin()) {
          const since = performance.now();
          await callOver(requester, { queue, timeout, signal: undefined }, body, {});
          done(since);
        }
      };
      await Promise.race([Promise.all(Array.from({ length: concurrency }, caller)), failed]);
    };
    try {
      await Promise.race([server.subscribed, failed]);
      await requester.connect();
      let cold = warmUp;
      await calls(
        () => cold-- > 0,
        () => undefined,
      );
      gauge.start();
      await calls(
        () => goesOn(gauge.begun) && ++gauge.begun > 0,
        (since) => gauge.add(since),
      );
    } finally {
      await requester.close();
      server.stop();
      await serving.catch(() => undefined);
    }
  });
}
