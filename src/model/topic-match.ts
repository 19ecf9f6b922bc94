import { Failure } from './failure.ts';
import { formatCount } from './quantity.ts';
import { quote } from './text.ts';

/** Why a routing key does not match a binding pattern. Words are counted from 1. */
export type Mismatch =
  /** A word of the key differs from the pattern's word in its place. */
  | { readonly kind: 'differs'; readonly word: number; readonly found: string; readonly wanted: string }
  /** The key ends before the pattern, which has these words too. */
  | { readonly kind: 'short'; readonly words: number; readonly wanted: readonly string[] }
  /** The pattern ends before the key; the rest of the key begins with that word. */
  | { readonly kind: 'long'; readonly word: number; readonly left: readonly string[] }
  /** The words after a `#` are nowhere after that word. */
  | { readonly kind: 'absent'; readonly after: number; readonly wanted: readonly string[] };

/**
 * Tells whether a topic exchange routes a key to a queue that is bound with the pattern: `*` is one word, `#` any number of
 * words, including none. Dots separate words, and words may be empty: `a.` has two words. The empty text has no word.
 *
 * @throws Failure `usage` for values that are not text
 */
export function matchTopic(pattern: string, key: string): boolean {
  return explainMatch(pattern, key) === undefined;
}

/**
 * The first mismatch of a key with a pattern; undefined when the key matches. Words before the first `#` have their places from
 * the front, those after the last `#` from the end, and those in between match where they first fit.
 *
 * @throws Failure `usage` for values that are not text
 */
export function explainMatch(pattern: string, key: string): Mismatch | undefined {
  for (const text of [pattern, key]) if (typeof text !== 'string') throw new Failure('usage', `a pattern and a key must be text, got ${quote(text)}`);
  const words = wordsOf(key);
  const [head = [], ...others] = runsOf(pattern);
  const tail = others.pop();
  for (const [index, wanted] of head.entries()) {
    const found = words[index];
    if (found === undefined) return { kind: 'short', words: words.length, wanted: head.slice(index) };
    if (!fits(wanted, found)) return { kind: 'differs', word: index + 1, found, wanted };
  }
  let place = head.length;
  if (tail === undefined) return place < words.length ? { kind: 'long', word: place + 1, left: words.slice(place) } : undefined;
  for (const run of others) {
    const at = find(run, words, place);
    if (at === undefined) return { kind: 'absent', after: place, wanted: run };
    place = at + run.length;
  }
  const last = words.length - tail.length;
  if (last < place) return { kind: 'absent', after: place, wanted: tail };
  for (const [index, wanted] of tail.entries()) {
    const found = words[last + index] ?? '';
    if (!fits(wanted, found)) return { kind: 'differs', word: last + index + 1, found, wanted };
  }
  return undefined;
}

/** A mismatch in words, such as `word 2: "asia" is not "europe"`. */
export function describeMismatch(mismatch: Mismatch): string {
  switch (mismatch.kind) {
    case 'differs':
      return `word ${mismatch.word}: "${mismatch.found}" is not "${mismatch.wanted}"`;
    case 'short':
      return `the key has ${formatCount(mismatch.words, 'word')}; the pattern has ${mismatch.wanted.length} more: "${mismatch.wanted.join('.')}"`;
    case 'long':
      return `word ${mismatch.word}: the pattern ends before "${mismatch.left.join('.')}"`;
    case 'absent':
      return `"${mismatch.wanted.join('.')}" is nowhere ${mismatch.after === 0 ? 'in the key' : `after word ${mismatch.after}`}`;
  }
}

function wordsOf(text: string): readonly string[] {
  return text === '' ? [] : text.split('.');
}

/** The runs of words between the `#`s of a pattern, including empty ones. */
function runsOf(pattern: string): readonly string[][] {
  const runs: string[][] = [[]];
  for (const word of wordsOf(pattern)) {
    if (word === '#') runs.push([]);
    else runs.at(-1)?.push(word);
  }
  return runs;
}

function fits(wanted: string, found: string): boolean {
  return wanted === '*' || wanted === found;
}

/** Where the run first matches, at `from` or after it. */
function find(run: readonly string[], words: readonly string[], place: number): number | undefined {
  for (let at = place; at + run.length <= words.length; at++) {
    if (run.every((wanted, index) => fits(wanted, words[at + index] ?? ''))) return at;
  }
  return undefined;
}
