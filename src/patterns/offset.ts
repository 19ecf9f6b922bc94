import { Failure } from '../model/failure.ts';
import type { FieldValue } from '../model/message.ts';

/**
 * Where to begin in a stream: `first`, `last` (the last chunk), `next`, an offset, a time such as `2026-01-31T12:00:00Z`, or
 * an age such as `90s`, `1h`, `7D` in RabbitMQ's units (https://www.rabbitmq.com/docs/streams#consuming). It is checked
 * here: a text that the broker cannot parse would cost the whole connection.
 *
 * @throws Failure `usage`
 */
export function parseOffset(text: string): FieldValue {
  if (text === 'first' || text === 'last' || text === 'next') return text;
  if (/^\d+$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text);
  if (/^[1-9]\d*[smhDMY]$/.test(text)) return text;
  if (/^[1-9]\d*d$/.test(text)) return text.replace('d', 'D');
  const time = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(time) && time >= 0) return { '!': 'timestamp', value: Math.floor(time / 1_000) };
  throw new Failure('usage', `--offset must be first, last, next, an offset, a time or an age, got "${text}"`, {
    hint: 'a time is 2026-01-31T12:00:00Z, an age 30m, 1h or 7d',
  });
}
