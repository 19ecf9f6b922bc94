import type { FieldValue } from './message/message.ts';

/** An argument or a property in which something that exists is not what is wanted; null is not set. */
export interface Difference {
  readonly argument: string;
  readonly theirs: FieldValue;
  readonly ours: FieldValue;
}

/** Whose value is whose, for people, such as `x-message-ttl is 1000 there, you asked for 2000`. */
export function describeDifference({ argument, theirs, ours }: Difference, wish = 'you asked for'): string {
  return `${argument} is ${shown(theirs)} there, ${wish} ${ours === null ? 'none' : shown(ours)}`;
}

function shown(value: FieldValue): string {
  return value === null ? 'not set' : JSON.stringify(value);
}
