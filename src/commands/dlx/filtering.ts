import { duration, fields, texts } from '../flag.ts';

/** Which dead letters a command is about, for every command that takes `filterShape`. */
export const filterInputs = {
  reason: texts('only those that died last for this reason: rejected, expired, maxlen, delivery_limit', { value: 'REASON' }),
  fromQueue: texts('only those that died last in this queue', { value: 'QUEUE' }),
  header: fields('only those with this header; K:=JSON for typed values', { short: 'H' }),
  olderThan: duration('only those whose newest death is longer ago'),
  newerThan: duration('only those whose newest death is not as long ago'),
  id: texts('only the message with this id', { value: 'ID' }),
} as const;
