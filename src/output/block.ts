import { isUtf8 } from 'node:buffer';
import { type PlainValue, plainHeaders } from '../model/message/field-json.ts';
import { jsonLoss } from '../model/message/json.ts';
import type { Delivery, Properties } from '../model/message/message.ts';
import { formatNumber, formatSize } from '../model/quantity.ts';
import { visibleLine, visibleText } from '../text/escape.ts';
import type { Palette } from './color.ts';

type Row = readonly [label: string, value: string];

/** A delivery for a terminal: where it comes from, its properties, then the body. */
export function formatBlock(delivery: Delivery, palette: Palette): string {
  const { queue, exchange, routingKey, redelivered, properties, body } = delivery;
  const { headers = {}, ...others } = properties;
  const rows: Row[] = [
    ['queue', queue],
    ['exchange', `${exchange === '' ? '(default)' : exchange} → ${routingKey}`],
    ...(redelivered ? [['redelivered', 'yes'] as const] : []),
    ...Object.entries(others).map(([name, value]): Row => [name, describe(name as keyof Properties, value)]),
    ...Object.entries(plainHeaders(headers)).map(([name, value]): Row => [`header ${name}`, plain(value)]),
    ['size', formatSize(body.length)],
  ];
  const safe = rows.map(([label, value]): Row => [visibleLine(label), visibleLine(value)]);
  const width = Math.max(...safe.map(([label]) => label.length));
  const head = safe.map(([label, value]) => `${palette.faint(label.padEnd(width))}  ${label === 'queue' ? palette.name(value) : value}\n`);
  const content = formatBody(body);
  return `${head.join('')}${content === '' ? '' : `\n${content}\n`}\n`;
}

function plain(value: PlainValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function describe(name: keyof Properties, value: string | number): string {
  if (name === 'deliveryMode') return value === 2 ? 'persistent' : value === 1 ? 'transient' : String(value);
  if (name === 'timestamp') return plain(plainHeaders({ timestamp: { '!': 'timestamp', value } })['timestamp'] ?? value);
  return name === 'expiration' ? `${value} ms` : String(value);
}

function formatBody(body: Buffer): string {
  if (!isUtf8(body)) return hexDump(body);
  const text = body.toString('utf8');
  return visibleText(indentJson(text) ?? text);
}

const LARGEST_JSON = 1_048_576;

/** Indented JSON; undefined for other text, and where indenting would change it. */
function indentJson(text: string): string | undefined {
  if (text.length > LARGEST_JSON || !/^\s*[[{]/.test(text)) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return jsonLoss(text) === undefined ? JSON.stringify(value, null, 2) : undefined;
  } catch {
    return undefined;
  }
}

const DUMPED = 256;
const DUMP_WIDTH = 16;

/** The first bytes as `hexdump -C` shows them. */
function hexDump(body: Buffer): string {
  const lines: string[] = [];
  for (let offset = 0; offset < Math.min(body.length, DUMPED); offset += DUMP_WIDTH) {
    const bytes = [...body.subarray(offset, Math.min(offset + DUMP_WIDTH, DUMPED))];
    const hex = bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const text = bytes.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
    lines.push(`${offset.toString(16).padStart(8, '0')}  ${hex.padEnd(DUMP_WIDTH * 3 - 1)}  |${text}|`);
  }
  const left = body.length - DUMPED;
  return [...lines, ...(left > 0 ? [`… and ${formatNumber(left)} bytes more`] : [])].join('\n');
}
