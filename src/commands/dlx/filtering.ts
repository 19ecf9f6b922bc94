import { Failure } from '../../model/failure.ts';
import { duration, type Flag, fields, text, texts } from '../flag.ts';

const expression = text('only those of which this is true: CEL, such as json.total > 99.5', { value: 'EXPR' });
/** A second one in the place of the first would mean more messages than those that are asked for. */
const where: Flag<string> = {
  ...expression,
  decode: (all) => {
    if (all.length > 1) throw new Failure('usage', 'it is given twice', { hint: 'join the expressions with && or ||' });
    return expression.decode(all);
  },
};

/** Which dead letters a command is about, for every command that takes `filterShape`. */
export const filterInputs = {
  reason: texts('only those that died last for this reason: rejected, expired, maxlen, delivery_limit', { value: 'REASON' }),
  fromQueue: texts('only those that died last in this queue', { value: 'QUEUE' }),
  header: fields('only those with this header; K:=JSON for typed values', { short: 'H' }),
  olderThan: duration('only those whose newest death is longer ago'),
  newerThan: duration('only those whose newest death is not as long ago'),
  id: texts('only the message with this id', { value: 'ID' }),
  where,
} as const;
