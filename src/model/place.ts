import type { Place } from './message.ts';

/** As in `orders.ndjson, line 3`. */
export function placeOf({ file, line }: Place): string {
  return `${file === undefined ? '' : `${file}, `}line ${line}`;
}
