// The start of the command: loads the bundle beside it, with what V8 compiled of it the last time.
import { readFileSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Script } from 'node:vm';
import { wasClosed } from '../output/descriptor.ts';
import { cachePlace, readCache, writeCache } from './code-cache.ts';
import { EXIT_CODES } from './exit.ts';

type Main = typeof import('./main.ts');

/** The build says which version this is, and names the bundle by what is in it. */
declare const VERSION: string;
declare const BUNDLE: string;

/** Microseconds of work after which V8 may have dropped what it compiled at the start. */
const FRESH = 2_000_000;

/** Runs a command line; resolves with its exit code. */
export async function run(argv: readonly string[]): Promise<number> {
  if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V') && printed(`${VERSION}\n`)) return 0;
  const bundle = join(__dirname, 'rmq.cjs');
  const place = BUNDLE === '' ? undefined : cachePlace(BUNDLE, argv);
  const cachedData = place === undefined ? undefined : readCache(place);
  // The build wraps the bundle in a function, and escapes it to ASCII, which is read without decoding.
  const script = new Script(readFileSync(bundle, 'latin1'), { filename: bundle, ...(cachedData && { cachedData }) });
  const module = { exports: {} as Main };
  script.runInThisContext()(module.exports, createRequire(bundle), module, bundle, __dirname);
  const code = await module.exports.main(argv);
  const known = cachedData !== undefined && script.cachedDataRejected !== true;
  // A run that failed has not used all that its command needs.
  if (place !== undefined && !known && code <= EXIT_CODES.negative && process.cpuUsage().user < FRESH) writeCache(place, () => script.createCachedData());
  return code;
}

/** False when it could not be written at once: the bundle knows what that comes to. */
function printed(text: string): boolean {
  try {
    return !wasClosed(1) && writeSync(1, text) === text.length;
  } catch {
    return false;
  }
}
