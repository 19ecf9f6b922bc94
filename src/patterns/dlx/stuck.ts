import { Failure } from '../../model/failure.ts';
import { formatCount } from '../../model/quantity.ts';

/** A queue that has messages and hands out none for so many milliseconds will not. */
export const STUCK = 10_000;

/** Why a queue that has messages is given up. */
export function stuck(queue: string, ready: number): Failure {
  return new Failure('later', `"${queue}" holds ${formatCount(ready, 'message')} and hands out none`, {
    hint: 'a queue with a single active consumer serves only that one: stop it, then try again',
  });
}
