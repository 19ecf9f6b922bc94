// The start of the command: loads what it needs of the file beside it, with what V8 compiled of it the last time.
import { openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Script } from 'node:vm';
import { wasClosed } from '../output/descriptor.ts';
import { cachePlace, readCache, writeCache } from './code-cache.ts';
import { EXIT_CODES } from './exit.ts';

type Main = typeof import('./main.ts');

/** The build says which version this is, and names the file of chunks by what is in it. */
declare const VERSION: string;
declare const BUNDLE: string;

/** Microseconds of work after which V8 may have dropped what it compiled at the start. */
const FRESH = 2_000_000;
/** V8 copies a cache that does not begin at such an address. */
const ALIGNED = 8;
/** Bytes that hold the first line of the file, with room for ten times as many chunks. */
const FIRST_LINE = 16_384;

/** Runs a command line; resolves with its exit code. */
export async function run(argv: readonly string[]): Promise<number> {
  if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V') && printed(`${VERSION}\n`)) return 0;
  const place = BUNDLE === '' ? undefined : cachePlace(BUNDLE, argv);
  const kept = place === undefined ? undefined : readCache(place);
  const chunks = new Chunks(join(__dirname, 'rmq.cjs'));
  const learned = kept === undefined || chunks.compile(kept);
  const code = await (chunks.load(0) as unknown as Main).main(argv);
  // A run that failed has not used all that its command needs.
  if (place !== undefined && learned && code <= EXIT_CODES.negative && process.cpuUsage().user < FRESH) writeCache(place, () => chunks.compiled());
  return code;
}

type Exports = Readonly<Record<string, unknown>>;
type Factory = (
  loadChunk: (number: number) => Exports,
  importChunk: (number: number) => Promise<Exports>,
  require: NodeJS.Require,
  directory: string,
  monotonic: () => number,
) => Exports | undefined;

/**
 * The chunks that the build packs into a file. The first run of a command keeps which ones it needed, the second compiles these as one script, and keeps what
 * V8 made of it; all further runs take that.
 */
class Chunks {
  readonly #path: string;
  /** Stays open: an update may replace the file while a command runs. */
  readonly #file: number;
  /** Where each chunk begins, and where the last one ends. */
  readonly #starts: number[] = [];
  readonly #factories = new Map<number, Factory>();
  readonly #loaded = new Map<number, Exports>();
  #needed: readonly number[] = [];
  #script: Script | undefined;

  constructor(path: string) {
    this.#path = path;
    this.#file = openSync(path, 'r');
    const first = Buffer.allocUnsafe(FIRST_LINE);
    const end = first.subarray(0, readSync(this.#file, first, 0, FIRST_LINE, 0)).indexOf('\n');
    let start = end + 1;
    for (const length of first.toString('latin1', 0, end).split(' ')) {
      this.#starts.push(start);
      start += Number(length);
    }
    this.#starts.push(start);
  }

  /** Compiles what former runs needed; true when V8 did not have it compiled already. */
  compile(kept: Buffer): boolean {
    const count = kept.length < ALIGNED ? 0 : kept.readUInt32LE(0);
    if (count === 0 || kept.length < headLength(count)) return true;
    this.#needed = Array.from({ length: count }, (_, index) => kept.readUInt16LE(4 + 2 * index));
    const cachedData = kept.subarray(headLength(count));
    const source = this.#source(this.#needed);
    this.#script = new Script(source, { filename: this.#path, ...(cachedData.length > 0 && { cachedData }) });
    const factories = this.#script.runInThisContext() as readonly Factory[];
    for (const [index, number] of this.#needed.entries()) this.#factories.set(number, factories[index] as Factory);
    return this.#script.cachedDataRejected !== false;
  }

  readonly load = (number: number): Exports => {
    const known = this.#loaded.get(number);
    if (known !== undefined) return known;
    const factory = this.#factories.get(number) ?? (new Script(this.#source([number]), { filename: this.#path }).runInThisContext() as readonly [Factory])[0];
    const exports = factory(this.load, this.#import, require, __dirname, monotonic) ?? {};
    this.#loaded.set(number, exports);
    return exports;
  };

  readonly #import = async (number: number): Promise<Exports> => this.load(number);

  /** For the next run: which chunks were needed, and what V8 made of them if they were compiled as one. */
  compiled(): Buffer {
    const needed = this.#script === undefined ? [...this.#loaded.keys()].sort((one, other) => one - other) : this.#needed;
    const head = Buffer.alloc(headLength(needed.length));
    head.writeUInt32LE(needed.length, 0);
    for (const [index, number] of needed.entries()) head.writeUInt16LE(number, 4 + 2 * index);
    return this.#script === undefined ? head : Buffer.concat([head, this.#script.createCachedData()]);
  }

  /** An array of them. The build escapes them to ASCII, which is read without decoding. */
  #source(numbers: readonly number[]): string {
    const lengthOf = (from: number, to: number): number => this.#at(to + 1) - this.#at(from);
    const bytes = Buffer.allocUnsafe(numbers.reduce((sum, number) => sum + lengthOf(number, number), 2));
    let end = bytes.write('[', 'latin1');
    for (let index = 0; index < numbers.length; index++) {
      const from = numbers[index] as number;
      // Neighbours are read as one.
      while (numbers[index + 1] === (numbers[index] as number) + 1) index++;
      const length = lengthOf(from, numbers[index] as number);
      for (const until = end + length; end < until; ) {
        const read = readSync(this.#file, bytes, end, until - end, this.#at(from) + length - (until - end));
        if (read === 0) throw new Error(`${this.#path} is incomplete`);
        end += read;
      }
    }
    bytes.write(']', end, 'latin1');
    return bytes.toString('latin1');
  }

  #at(number: number): number {
    return this.#starts[number] as number;
  }
}

function headLength(count: number): number {
  return Math.ceil((4 + 2 * count) / ALIGNED) * ALIGNED;
}

/** The clock of node:perf_hooks takes a millisecond to load; this one is there, and as steady. */
function monotonic(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
}

/** False when it could not be written at once: the bundle knows what that comes to. */
function printed(text: string): boolean {
  try {
    return !wasClosed(1) && writeSync(1, text) === text.length;
  } catch {
    return false;
  }
}
