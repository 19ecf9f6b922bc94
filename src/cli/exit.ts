import type { FailureKind } from '../model/failure.ts';

/** The exit code of every kind of failure; scripts rely on these numbers. */
export const EXIT_CODES = {
  negative: 1,
  partial: 3,
  usage: 64,
  data: 65,
  missing: 66,
  unroutable: 67,
  unavailable: 69,
  io: 74,
  later: 75,
  refused: 76,
  denied: 77,
  config: 78,
  deadline: 124,
  unexecutable: 126,
  unfound: 127,
  interrupted: 130,
  terminated: 143,
  closed: 0,
} as const satisfies Record<FailureKind, number>;

/** The exit code of an error that is a bug of this program. */
export const BUG = 70;
