import { Failure } from '../../model/failure.ts';
import { formatCount } from '../../model/quantity.ts';

/** Why a queue that has messages is given up. */
export function stuck(queue: string, ready: number): Failure {
  return new Failure('later', `"${queue}" holds ${formatCount(ready, 'message')} and hands out none`, {
    hint: 'a queue with a single active consumer serves only that one: stop it, then try again',
  });
}
