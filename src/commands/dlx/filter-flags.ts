import { Failure } from '../../model/failure.ts';
import type { FieldTable } from '../../model/message/message.ts';
import { quote } from '../../model/text.ts';
import { duration, type Flag, fields, MESSAGE_NAMES, text, texts } from '../flags/flag.ts';

/** A second expression instead of the first would match other messages than those asked for. */
const where = {
  ...text('only messages for which this CEL expression is true, such as json.total > 99.5', {
    value: 'EXPR',
    twice: 'join the expressions with && or ||',
  }),
  suggests: MESSAGE_NAMES,
};

/** Several at a time: `a,b` is `a` and `b`. */
export const commas = (flag: Flag<string[]>): Flag<string[]> => ({
  ...flag,
  decode: (all) => all.flatMap((one) => one.split(',')).map((one) => one.trim()),
});

const headers = fields('only messages with this header; K:=JSON for typed values', { short: 'H' });
/** No header has two values: the last one alone would match other messages than those asked for. */
const header: Flag<FieldTable> = {
  ...headers,
  decode: (all) => {
    const names = all.map((pair) => Object.keys(headers.decode([pair]))[0]);
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if (twice !== undefined) {
      throw new Failure('usage', `the header ${quote(twice)} is given twice, and a message has each header once`, {
        hint: 'for either of two values: --where \'headers["NAME"] == 1 || headers["NAME"] == 2\'',
      });
    }
    return headers.decode(all);
  },
};

/** Which dead letters a command is about, for every command that takes `filterShape`. */
export const filterInputs = {
  reason: commas(texts('only messages whose last death has this reason: rejected, expired, maxlen, delivery_limit', { value: 'REASON,…' })),
  fromQueue: texts('only messages that died last in this queue', { value: 'QUEUE' }),
  header,
  olderThan: duration('only messages that died more than DURATION ago'),
  newerThan: duration('only messages that died within the last DURATION'),
  id: texts('only the message with this id', { value: 'ID' }),
  where,
} as const;
