// The start of the command: loads the bundle beside it with V8's code cache, which halves the time to compile it.
// V8 refuses a cache of another version or another bundle by itself; the bundle then just starts slower.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Script } from 'node:vm';

type Main = typeof import('./main.ts');

const bundle = join(__dirname, 'rmq.cjs');
const cache = join(__dirname, 'rmq.cache');

function load(cachedData: Buffer | undefined): { script: Script; exports: Main } {
  // The build wraps the bundle in a function, and escapes it to ASCII, which is read without decoding.
  const script = new Script(readFileSync(bundle, 'latin1'), { filename: bundle, ...(cachedData && { cachedData }) });
  const module = { exports: {} as Main };
  script.runInThisContext()(module.exports, createRequire(bundle), module, bundle, __dirname);
  return { script, exports: module.exports };
}

function readCache(): Buffer | undefined {
  try {
    return readFileSync(cache);
  } catch {
    return undefined;
  }
}

/** Runs a command line; resolves with its exit code. */
export function run(argv: readonly string[]): Promise<number> {
  return load(readCache()).exports.main(argv);
}

/** Runs what every command line runs, then keeps what V8 compiled; called once, by the build. */
async function writeCache(): Promise<void> {
  const { script, exports } = load(undefined);
  await exports.main(['--help']);
  await exports.main(['publish', '--url', 'amqp://127.0.0.1:1', '--queue', 'q', 'body']);
  await exports.main(['consume', '--url', 'amqp://127.0.0.1:1', 'q']);
  writeFileSync(cache, script.createCachedData());
}

if (require.main === module) void writeCache();
