import { Failure } from '../model/failure.ts';
import { formatEnvelope } from '../model/message/envelope.ts';
import type { Delivery } from '../model/message/message.ts';
import { formatBlock } from './block.ts';
import { COLORLESS, loadPalette } from './color.ts';
import type { Writer } from './writer.ts';

/** How a delivery is printed. */
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
