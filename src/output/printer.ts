import { isUtf8 } from 'node:buffer';
import { Failure } from '../model/failure.ts';
import { formatEnvelope } from '../model/message/envelope.ts';
import { type PlainValue, plainHeaders } from '../model/message/field-json.ts';
import { jsonLoss } from '../model/message/json.ts';
import type { Delivery, Properties } from '../model/message/message.ts';
import { formatNumber, formatSize } from '../model/quantity.ts';
import { visibleLine, visibleText } from '../text/escape.ts';
import { COLORLESS, loadPalette, type Palette } from './color.ts';
import type { Writer } from './writer.ts';

export interface PrintOptions {
  readonly format: 'text' | 'json' | 'raw';
  readonly nul: boolean;
  readonly jsonBody: boolean;
  /** For bodies that are lines: a final newline is not doubled, and `onSeveral` hears of a body of several lines. */
  readonly asLine?: { readonly onSeveral: () => void } | undefined;
  /** The whole message as on a terminal, wherever it goes. */
  readonly whole?: boolean;
  readonly toTerminal: boolean;
  readonly colored: boolean;
}

/**
 * Prints a delivery; resolves when the operating system has taken all of it. Without a delivery, it keeps the order of what is written later.
 * `beside` stands before the envelope, or alone, in JSON.
 */
export type Print = (delivery: Delivery | undefined, beside?: object) => Promise<void>;

const NEWLINE = 0x0a;
const NUL = 0x00;

/**
 * The printer for these options.
 *
 * @throws Failure `usage` for options that exclude each other
 */
export function openPrinter(writer: Writer, { format, nul, jsonBody, asLine, whole = false, toTerminal, colored }: PrintOptions): Print {
  if (nul && format !== 'text') {
    const ends = format === 'raw' ? 'raw writes nothing after a body' : 'an envelope ends with its line';
    throw new Failure('usage', `--null (-0) and -o ${format} exclude each other: ${ends}`);
  }
  if (format === 'raw') return async (delivery) => delivery && writer.write(delivery.body);
  if (format === 'json') return printEnvelope(writer, jsonBody);
  if (nul) return (delivery) => writer.write(delivery?.body ?? '', NUL);
  if (!toTerminal && !whole) return (delivery) => writer.write(lineOf(delivery?.body ?? NOTHING, asLine), NEWLINE);
  const loading = colored ? loadPalette() : Promise.resolve(COLORLESS);
  return async (delivery) => delivery && writer.write(formatBlock(delivery, await loading));
}

const NOTHING = Buffer.alloc(0);

function lineOf(body: Buffer, asLine: PrintOptions['asLine']): Buffer {
  if (asLine === undefined) return body;
  const line = body.at(-1) === NEWLINE ? body.subarray(0, -1) : body;
  if (line.includes(NEWLINE)) asLine.onSeveral();
  return line;
}

function printEnvelope(writer: Writer, jsonBody: boolean): Print {
  const options = { jsonBody };
  return (delivery, beside) => {
    try {
      const known = beside === undefined ? '' : JSON.stringify(beside);
      if (delivery === undefined) return known === '' ? Promise.resolve() : writer.write(known, NEWLINE);
      const envelope = formatEnvelope(delivery, options);
      return writer.write(known === '' ? envelope : `${known.slice(0, -1)},${envelope.slice(1)}`, NEWLINE);
    } catch (error) {
      return Promise.reject(error);
    }
  };
}

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
