// Which tests need what, and which of them take long.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

const ofBroker = /from '.*support\/(broker|own-broker|page-shell|session|users|management|faults)\.ts'/;
const ofNodes = /support\/own-broker\.ts|startBroker|from '\.\/campaign\.ts'/;
/** They type every line of the guide, or of the README. */
const ofPages = /support\/page-shell\.ts|README\.md'/;
const ofCommand = /from '.*(support\/(rmq|hostile-broker|shells)|commands\/\w+)\.ts'|bin\/rmq\.js/;

export const allTests = readdirSync('test', { recursive: true })
  .map((file) => join('test', file))
  .filter((file) => file.endsWith('.test.ts'))
  .sort();

const imports = (file, what) => what.test(readFileSync(file, 'utf8'));
/** The tests of private nodes start their own. */
const startsNodes = (file) => file.startsWith(join('test', 'broker'));

/** They talk to the broker of RABBITMQ_URL, or import what starts one. */
export const brokerTests = allTests.filter((file) => !startsNodes(file) && imports(file, ofBroker));

export const unitTests = allTests.filter((file) => !startsNodes(file) && !imports(file, ofBroker) && !imports(file, ofCommand));

/** The longest tests type all lines of a page; then come those that start or stop nodes; of the others, long files take long. */
export function longestFirst(files) {
  const weight = (file) => statSync(file).size + 1_000_000 * (imports(file, ofPages) ? 2 : Number(startsNodes(file) || imports(file, ofNodes)));
  return files.toSorted((a, b) => weight(b) - weight(a));
}
