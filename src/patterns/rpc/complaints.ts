import type { Emit } from '../../model/event.ts';

const ONE_BY_ONE = 10;

/** Lets the first few events through, and of the others says once that there are more. */
export function fewOf(emit: Emit, more: string): Emit {
  let count = 0;
  return (event) => {
    count++;
    if (count <= ONE_BY_ONE) emit(event);
    else if (count === ONE_BY_ONE + 1) emit({ kind: 'note', text: more });
  };
}
