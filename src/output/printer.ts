import { formatEnvelope } from '../model/envelope.ts';
import { Failure } from '../model/failure.ts';
import type { Delivery } from '../model/message.ts';
import { formatBlock } from './block.ts';
import { COLORLESS, loadPalette } from './color.ts';
import type { Writer } from './writer.ts';

/** What decides how a delivery is printed. */
export interface PrintOptions {
  readonly format: 'text' | 'json' | 'raw';
  readonly nul: boolean;
  readonly jsonBody: boolean;
  readonly toTerminal: boolean;
  readonly colored: boolean;
}

/** Prints a delivery; resolves when the operating system has taken all of it. */
export type Print = (delivery: Delivery) => Promise<void>;

const NEWLINE = 0x0a;
const NUL = 0x00;

/**
 * The one way to print deliveries that the options ask for.
 *
 * @throws Failure `usage` for options that exclude each other
 */
export function openPrinter(writer: Writer, { format, nul, jsonBody, toTerminal, colored }: PrintOptions): Print {
  if (nul && format !== 'text') {
    const ends = format === 'raw' ? 'raw puts nothing behind a body' : 'an envelope ends with its line';
    throw new Failure('usage', `--null (-0) and -o ${format} exclude each other: ${ends}`);
  }
  if (format === 'raw') return ({ body }) => writer.write(body);
  if (format === 'json') return printEnvelope(writer, jsonBody);
  if (nul || !toTerminal) return ({ body }) => writer.write(body, nul ? NUL : NEWLINE);
  const loading = colored ? loadPalette() : Promise.resolve(COLORLESS);
  return async (delivery) => writer.write(formatBlock(delivery, await loading));
}

function printEnvelope(writer: Writer, jsonBody: boolean): Print {
  const options = { jsonBody };
  return (delivery) => {
    try {
      return writer.write(formatEnvelope(delivery, options), NEWLINE);
    } catch (error) {
      return Promise.reject(error);
    }
  };
}
