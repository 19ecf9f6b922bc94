import { setTimeout as delay } from 'node:timers/promises';
import { connect } from 'amqplib';
import { type Peer, peer, unique } from '../support/broker.ts';
import type { Findings, Round } from './fault.ts';
import type { Ended, Watched } from './watched.ts';

/** A round at a broker. */
export interface Stage extends Round {
  /** The broker itself, past whatever goes wrong on the way to it. */
  readonly url: string;
  readonly peer: Peer;
  readonly type: 'classic' | 'quorum';
  /** True for a broker that is killed: it forgets some of the last answers, and what it has taken twice. */
  readonly forgets?: boolean;
}

/** What rmq is asked to do in a round, and how its outcome is judged. */
export interface Act {
  readonly argv: readonly string[];
  readonly input?: string;
  /** About so many bytes go over its connections, so that a fault can come at any of them. */
  readonly bytes: number;
  /** Resolves once the run is in the middle of it, or over. */
  readonly begun: (run: Watched) => Promise<void>;
  /** Brings a run to its end that has none of its own. */
  readonly finish?: (run: Watched) => Promise<void>;
  /** What became of every message. Nothing is between rmq and its broker any more. */
  readonly judge: (ended: Ended, seen: Seen) => Promise<Findings>;
}

/** How much of what the run said can be known. */
export interface Seen {
  /** False when its standard output was taken away. */
  readonly stdout: boolean;
  /** False when it was killed, and could say nothing more. */
  readonly end: boolean;
  /** True when it was stopped: it does not promise to be done. */
  readonly stopped?: boolean;
}

export const ALL_SEEN: Seen = { stdout: true, end: true };

/** What a role does at a stage. */
export type Role = (stage: Stage) => Promise<Act>;

export async function stageOf(round: Round, url: string): Promise<Stage> {
  return { ...round, url, peer: await peer(round, url), type: round.random(2) === 0 ? 'classic' : 'quorum' };
}

/** A queue of the round's type, with so many messages in it. */
export async function filled({ peer: { queue }, url, type }: Stage, ids: readonly string[], base = 'campaign'): Promise<string> {
  const name = await queue({ arguments: { 'x-queue-type': type } }, base);
  await fill(url, name, ids);
  return name;
}

export const idsOf = (count: number): string[] => Array.from({ length: count }, (_, index) => `${index}`);

export const bodyOf = (id: string): string => `body of ${id}`;

/** Puts messages with these ids into a queue. */
export async function fill(url: string, queue: string, ids: readonly string[]): Promise<void> {
  const model = await connect(url);
  const channel = await model.createConfirmChannel();
  for (const id of ids) channel.sendToQueue(queue, Buffer.from(bodyOf(id)), { persistent: true, messageId: id });
  await channel.waitForConfirms();
  await model.close();
}

const PATIENCE = 20_000;
const QUIET = 150;

/**
 * Takes everything out of a queue, and resolves with the bodies. What a connection held that was lost comes back a moment later: unless `enough` is
 * there, that is waited for.
 */
export async function emptied(url: string, queue: string, enough: (bodies: readonly string[]) => boolean): Promise<string[]> {
  const model = await connect(url);
  model.on('error', () => undefined);
  try {
    const channel = await model.createChannel();
    const since = performance.now();
    const isPatient = (): boolean => performance.now() - since < PATIENCE;
    while ((await channel.checkQueue(queue)).consumerCount > 0 && isPatient()) await delay(20);
    const bodies: string[] = [];
    await channel.consume(queue, (message) => message !== null && bodies.push(message.content.toString()), { noAck: true });
    for (let before = -1; ; ) {
      const quiet = before === bodies.length && (await channel.checkQueue(queue)).messageCount === 0;
      if (quiet && (enough(bodies) || !isPatient())) return bodies;
      before = bodies.length;
      await delay(QUIET);
    }
  } finally {
    await model.close().catch(() => undefined);
  }
}

/** Resolves once a queue has at least so many messages ready, or the run has ended. */
export async function untilDepth({ peer: { depth } }: Stage, run: Watched, queue: string, messages: number): Promise<void> {
  await run.while(async () => (await depth(queue)) >= messages);
}

/** A vhost-wide name for what a role declares by itself. */
export const named = (base: string): string => unique(`campaign.${base}`);

/** The number before a word of a summary. */
export function counted(text: string, word: string): number {
  return Number((new RegExp(`([\\d,]+) ${word}`).exec(text)?.[1] ?? '0').replaceAll(',', ''));
}

/** The last JSON object on standard output; undefined when there is none. */
export function summaryOf<T>(stdout: string): T | undefined {
  try {
    return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as T;
  } catch {
    return undefined;
  }
}

/** True when a run has said that its connection was lost, or that it cannot know: what comes twice is then no surprise. */
export const warned = ({ stderr }: Ended): boolean => /lost|unknown|again|gave up|did not answer|closed|reset/i.test(stderr);

/** How many lines are there beyond the distinct ones. */
export const repeated = (bodies: readonly string[]): number => bodies.length - new Set(bodies).size;

export const linesIn = (text: string): string[] => text.split('\n').filter((line) => line !== '');
