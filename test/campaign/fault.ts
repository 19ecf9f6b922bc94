import type { Cleanup } from '../support/faults.ts';
import type { Options } from '../support/rmq.ts';
import type { Random } from './random.ts';
import type { Watched } from './watched.ts';

/** What rmq does while something goes wrong. */
export const ROLES = ['publish', 'consume', 'work', 'subscribe', 'rpc call', 'rpc serve', 'inspect', 'replay', 'export'] as const;
export type RoleName = (typeof ROLES)[number];

/** What was seen after a round beside the manners of its runs, which are judged for all alike. */
export interface Findings {
  /** Messages that are nowhere, although something was promised about them. */
  readonly lost: number;
  /** Messages that are somewhere twice: the run said that this may be so, or it did not. */
  readonly told: number;
  readonly untold: number;
  /** Counts and outputs that are not what happened. */
  readonly untrue: readonly string[];
  /** Exit codes that promise what did not happen, or deny what did. */
  readonly wrong: readonly string[];
  /** False when the run ended before the fault came; true unless told. */
  readonly struck?: boolean;
}

export const CLEAN: Findings = { lost: 0, told: 0, untold: 0, untrue: [], wrong: [] };

/** One try of a fault. */
export interface Round extends Cleanup {
  readonly seed: number;
  readonly random: Random;
  readonly role: RoleName;
  /** For files; removed in the end. */
  readonly directory: string;
  /** Messages that a run deals with, where the fault does not say how many. */
  readonly messages: number;
  /** Starts the built command; its end, its memory and its manners are watched. */
  readonly start: (argv: readonly string[], options?: Options) => Watched;
}

/** Something that goes wrong, and what is seen of it. */
export interface Fault {
  /** What it is called on the command line. */
  readonly name: string;
  /** Faults of a kind; names them all at once. */
  readonly group: string;
  /** What each round does in its turn. */
  readonly roles: readonly RoleName[];
  /** Rounds in the short form that the tests run; none unless told. */
  readonly short?: number;
  /** True when it disturbs what others do at the same time. */
  readonly alone?: boolean;
  /** Bytes that a run may hold at its peak; `MEMORY` unless told. */
  readonly memory?: number;
  /** Milliseconds that a run may take; `BOUND` unless told. */
  readonly bound?: number;
  /** Why it cannot be tried here; undefined when it can. */
  readonly missing?: () => Promise<string | undefined> | string | undefined;
  readonly round: (round: Round) => Promise<Findings>;
}

export const MEMORY = 320 * 1_048_576;
export const BOUND = 90_000;
