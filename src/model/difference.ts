import type { FieldValue } from './message/message.ts';

/** An argument or a property of something that exists that differs from the one asked for; null: not set. */
export interface Difference {
  readonly argument: string;
  readonly theirs: FieldValue;
  readonly ours: FieldValue;
}

/** Both values, for people, such as `x-message-ttl is 1000 there, you asked for 2000`. */
export function describeDifference({ argument, theirs, ours }: Difference, wish = 'you asked for'): string {
  return `${argument} is ${shown(theirs)} there, ${wish} ${ours === null ? 'none' : shown(ours)}`;
}

function shown(value: FieldValue): string {
  return value === null ? 'not set' : JSON.stringify(value);
}
