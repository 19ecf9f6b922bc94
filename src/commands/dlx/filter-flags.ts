import { Failure } from '../../model/failure.ts';
import type { FieldTable } from '../../model/message/message.ts';
import { quote } from '../../model/text.ts';
import { duration, type Flag, fields, text, texts } from '../flags/flag.ts';

/** A second one in the place of the first would mean more messages than those that are asked for. */
const where = text('only those of which this is true: CEL, such as json.total > 99.5', { value: 'EXPR', twice: 'join the expressions with && or ||' });

/** Several at a time: `a,b` is `a` and `b`. */
export const commas = (flag: Flag<string[]>): Flag<string[]> => ({
  ...flag,
  decode: (all) => all.flatMap((one) => one.split(',')).map((one) => one.trim()),
});

const headers = fields('only those with this header; K:=JSON for typed values', { short: 'H' });
/** No header has two values; the last one in the place of all would mean other messages than those that are asked for. */
const header: Flag<FieldTable> = {
  ...headers,
  decode: (all) => {
    const names = all.map((pair) => Object.keys(headers.decode([pair]))[0]);
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if (twice !== undefined) {
      throw new Failure('usage', `the header ${quote(twice)} is given twice, and no message has two of a name`, {
        hint: 'either of two values: --where \'headers["NAME"] == 1 || headers["NAME"] == 2\'',
      });
    }
    return headers.decode(all);
  },
};

/** Which dead letters a command is about, for every command that takes `filterShape`. */
export const filterInputs = {
  reason: commas(texts('only those that died last for this reason: rejected, expired, maxlen, delivery_limit', { value: 'REASON,…' })),
  fromQueue: texts('only those that died last in this queue', { value: 'QUEUE' }),
  header,
  olderThan: duration('only those whose newest death is longer ago'),
  newerThan: duration('only those whose newest death is not as long ago'),
  id: texts('only the message with this id', { value: 'ID' }),
  where,
} as const;
