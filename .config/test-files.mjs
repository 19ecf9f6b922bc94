// Which tests need what. `node .config/test-files.mjs` prints those that need neither a broker nor the built command.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';

const ofBroker = /from '.*support\/(broker|own-broker|session|users|management|faults)\.ts'/;
const ofCommand = /from '.*(support\/(rmq|hostile-broker|shells)|commands\/\w+)\.ts'|bin\/rmq\.js/;

const files = readdirSync('test', { recursive: true })
  .map((file) => join('test', file))
  .filter((file) => file.endsWith('.test.ts'))
  .sort();

const imports = (file, what) => what.test(readFileSync(file, 'utf8'));
/** The tests of private nodes start their own. */
const startsNodes = (file) => file.startsWith(join('test', 'broker'));

/** They talk to the broker of RABBITMQ_URL, or import what starts one. */
export const brokerTests = files.filter((file) => !startsNodes(file) && imports(file, ofBroker));

export const unitTests = files.filter((file) => !startsNodes(file) && !imports(file, ofBroker) && !imports(file, ofCommand));

if (argv[1] === fileURLToPath(import.meta.url)) process.stdout.write(`${unitTests.join('\n')}\n`);
