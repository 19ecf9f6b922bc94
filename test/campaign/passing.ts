import { type Cleanup, type FaultyProxy, proxy } from '../support/faults.ts';
import type { Options } from '../support/rmq.ts';
import type { Findings, Round } from './fault.ts';
import type { Random } from './random.ts';
import { roles } from './roles/index.ts';
import { type Seen, type Stage, stageOf } from './stage.ts';
import type { Watched } from './watched.ts';

/** What rmq is told of a network that fails: nothing is waited for as long as in earnest. */
const IMPATIENT = ['--heartbeat', '1s', '--answer-timeout', '4s', '--connect-timeout', '4s', '--reconnect-delay', '0ms..200ms'];

/** A run in the middle, and what is between it and its broker. */
export interface Passing {
  readonly between: FaultyProxy;
  readonly random: Random;
  readonly run: Watched;
}

export interface Way {
  /** Where the run goes; where its messages are prepared, and judged, unless told otherwise. */
  readonly to?: string;
  readonly flags?: readonly string[];
  /** Rounds of reconnecting before it gives up; 8 unless told. */
  readonly reconnects?: number;
  readonly options?: Options;
  /** Bytes a second that a client may send. */
  readonly rate?: number;
  /** Called when everything is prepared, before the run starts. */
  readonly ready?: (stage: Stage) => Promise<void>;
  /** Changes what the stage is. */
  readonly stage?: Partial<Stage>;
}

/** Does something to a run of the round's role once some of its bytes have gone over the wire, and judges what became of its messages. */
export async function passing(round: Round, url: string, strike: (passing: Passing) => Promise<Seen>, way: Way = {}): Promise<Findings> {
  const { to = url, flags = [], reconnects = 8, options = {}, rate, ready } = way;
  const ends: (() => unknown)[] = [];
  const cleanup: Cleanup = { after: (end) => void ends.push(end as () => unknown) };
  round.after(() => Promise.all(ends.map((end) => end())));
  const stage = { ...(await stageOf(round, url)), ...way.stage };
  const act = await roles[round.role](stage);
  await ready?.(stage);
  const between = await proxy(cleanup, to);
  if (rate !== undefined) between.throttle(rate);
  const moment = round.random(act.bytes);
  const run = round.start([...IMPATIENT, '--max-reconnects', String(reconnects), '-u', between.url, ...flags, ...act.argv], {
    ...options,
    ...(act.input !== undefined && { input: act.input }),
  });
  await Promise.race([between.passed(moment), run.ended]);
  const struck = run.child.exitCode === null;
  const seen = struck ? await strike({ between, random: round.random, run }) : { stdout: true, end: true };
  await act.finish?.(run);
  const ended = await run.ended;
  for (const end of ends.splice(0)) await end();
  return { ...(await act.judge(ended, seen)), struck };
}
