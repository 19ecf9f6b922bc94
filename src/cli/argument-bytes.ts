import { readFileSync } from 'node:fs';
import { Failure } from '../model/failure.ts';
import { quote } from '../model/text.ts';

/** What Node puts in place of bytes that are not UTF-8. */
const REPLACEMENT = '\ufffd';

/**
 * Checks that no argument was changed: Node replaces bytes that are not UTF-8 and does not report it. Linux still has the
 * bytes, so that a genuine U+FFFD passes; elsewhere it cannot be told apart.
 *
 * @throws Failure `usage`
 */
export function checkArgumentBytes(argv: readonly string[]): void {
  if (!argv.some((argument) => argument.includes(REPLACEMENT))) return;
  const given = commandLine().slice(-argv.length);
  // A program that calls this with arguments of its own has no command line with them.
  if (given.length !== argv.length || given.some((bytes, index) => bytes.toString('utf8') !== argv[index])) return;
  const changed = argv.find((argument, index) => given[index]?.equals(Buffer.from(argument)) === false);
  if (changed === undefined) return;
  throw new Failure('usage', `the argument ${quote(changed)} is not valid UTF-8, and would be changed`, {
    hint: 'give such bytes through standard input or a file (-f), where they stay as they are',
  });
}

/** The words of the command line as bytes; none where the system does not give them. */
function commandLine(): Buffer[] {
  try {
    const words = readFileSync('/proc/self/cmdline', 'latin1').split('\0');
    return words.slice(0, -1).map((word) => Buffer.from(word, 'latin1'));
  } catch {
    return [];
  }
}
