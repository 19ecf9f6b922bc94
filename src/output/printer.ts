import { Failure } from '../model/failure.ts';
import { formatEnvelope } from '../model/message/envelope.ts';
import type { Delivery } from '../model/message/message.ts';
import { formatBlock } from './block.ts';
import { COLORLESS, loadPalette } from './color.ts';
import type { Writer } from './writer.ts';

/** What decides how a delivery is printed. */
export interface PrintOptions {
  readonly format: 'text' | 'json' | 'raw';
  readonly nul: boolean;
  readonly jsonBody: boolean;
  /** Bodies are lines where newlines end them: one that has a newline gets no second one, and one of several lines is told of. */
  readonly asLine?: { readonly onSeveral: () => void } | undefined;
  /** All of the message as on a terminal, wherever it goes, for people who read about it. */
  readonly whole?: boolean;
  readonly toTerminal: boolean;
  readonly colored: boolean;
}

/**
 * Prints a delivery; resolves when the operating system has taken all of it. Without one, what comes after the next keeps its place.
 * `beside` stands in front of the envelope, or alone, in JSON.
 */
export type Print = (delivery: Delivery | undefined, beside?: object) => Promise<void>;

const NEWLINE = 0x0a;
const NUL = 0x00;

/**
 * The one way to print deliveries that the options ask for.
 *
 * @throws Failure `usage` for options that exclude each other
 */
export function openPrinter(writer: Writer, { format, nul, jsonBody, asLine, whole = false, toTerminal, colored }: PrintOptions): Print {
  if (nul && format !== 'text') {
    const ends = format === 'raw' ? 'raw puts nothing behind a body' : 'an envelope ends with its line';
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
