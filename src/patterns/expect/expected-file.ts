import { isUtf8 } from 'node:buffer';
import { Failure } from '../../model/failure.ts';
import { formatEnvelope } from '../../model/message/envelope.ts';
import type { Delivery } from '../../model/message/message.ts';
import { option } from '../../model/option.ts';
import { formatCount } from '../../model/quantity.ts';
import type { JunitCase } from '../../text/junit.ts';
import { type Expected, ExpectedMessages, type Group } from './assignment.ts';
import { readGiven } from './config.ts';
import { differences, matches, type Part, parsePartial, shown, titleOf, viewOf } from './partial.ts';

/** Messages that nothing expects, and that are kept to be shown. */
const MOST_KEPT = 100;
/** Lines without a message for which the nearest one is sought. */
const MOST_COMPARED = 50;
const LONGEST = 400;

interface Line {
  readonly line: number;
  readonly view: Part;
}

/** A message that nothing expects. */
interface Stranger {
  readonly title: string;
  readonly view: Part;
  readonly text: string;
}

/** How the messages that came differ from the lines of the file. */
interface Judged {
  readonly met: readonly Line[];
  readonly missing: readonly JunitCase[];
  /** Those that are not told beside the line that they resemble. */
  readonly unexpected: readonly JunitCase[];
  /** All that nothing expects. */
  readonly strangers: number;
  readonly disorder: string | undefined;
  readonly summary: string | undefined;
}

/** A file with a partial envelope a line, and the messages that came. */
export class ExpectedFile {
  readonly #name: string;
  readonly #expected: ExpectedMessages;
  readonly #lines: readonly Line[];
  readonly #inOrder: boolean;
  readonly #came: Group[] = [];
  readonly #strangers = new Map<number, Stranger>();
  /** The first messages that came in the place of others, by their index. */
  #astray: number[] = [];
  readonly lines: number;
  #judged: Judged | undefined;

  private constructor(name: string, expected: readonly Expected[], inOrder: boolean) {
    this.#name = name;
    this.#expected = new ExpectedMessages(expected);
    this.#lines = expected.flatMap(({ lines, view }) => lines.map((line) => ({ line, view }))).sort((one, other) => one.line - other.line);
    this.#inOrder = inOrder;
    this.lines = this.#lines.length;
  }

  /** @throws Failure `missing` or `io` for the file, `data` for a line that is no part of an envelope */
  static async open(path: string, inOrder: boolean): Promise<ExpectedFile> {
    const bytes = await readGiven(path, 'expectFile');
    const expected = new Map<string, Expected>();
    for (const [index, text] of bytes.toString('utf8').split('\n').entries()) {
      if (text.trim() === '') continue;
      try {
        if (text.includes('\ufffd') && !isUtf8(bytes)) throw new Failure('data', 'it is not valid UTF-8');
        const same = expected.get(text);
        if (same === undefined) expected.set(text, { view: parsePartial(text), lines: [index + 1] });
        else same.lines.push(index + 1);
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        throw new Failure('data', `${path}, line ${index + 1}: ${error.message}`, { cause: error, ...(error.hint !== undefined && { hint: error.hint }) });
      }
    }
    if (expected.size === 0) throw new Failure('data', `${path} is empty: it expects nothing`, { hint: `${option('expect')} 0 expects that no message comes` });
    return new ExpectedFile(path, [...expected.values()], inOrder);
  }

  take(delivery: Delivery): void {
    const view = viewOf(delivery, this.#expected.keys);
    const group = this.#expected.groupOf(view);
    const index = this.#came.push(group) - 1;
    if (this.#inOrder && !matches(this.#lines[index]?.view, view)) this.#astray.push(index);
    if (group.satisfied.length > 0 || this.#strangers.size >= MOST_KEPT) return;
    this.#strangers.set(index, { title: titleOf(index + 1, delivery), view, text: formatEnvelope(delivery, { jsonBody: false }).slice(0, LONGEST) });
  }

  /** Compares what came with the file; once the run is over. */
  judge(): Judged {
    this.#judged ??= this.#compare();
    return this.#judged;
  }

  #compare(): Judged {
    const { missing, surplus } = this.#expected.assign(this.#came);
    const met: Line[] = [];
    const lacking: Line[] = [];
    for (const [at, { lines, view }] of this.#expected.all.entries()) {
      const there = lines.length - (missing[at] ?? 0);
      for (const [index, line] of lines.entries()) (index < there ? met : lacking).push({ line, view });
    }
    lacking.sort((one, other) => one.line - other.line);
    const left = new Map(surplus);
    const strangers: number[] = [];
    // Of messages that are alike, the last ones are those too many.
    for (let index = this.#came.length - 1; index >= 0; index--) {
      const group = this.#came[index] as Group;
      const count = left.get(group) ?? 0;
      if (count > 0) strangers.unshift(index);
      left.set(group, count - 1);
    }
    const [astray] = lacking.length + strangers.length > 0 ? [] : this.#astray;
    return {
      met,
      ...this.#pair(lacking, strangers),
      strangers: strangers.length,
      disorder: astray === undefined ? undefined : this.#disorder(astray),
      summary: astray === undefined ? this.#summary(lacking.length, strangers.length) : `the messages of ${this.#name} came in another order`,
    };
  }

  /** Tells of each line without a message what came instead: of the messages that nothing expects, the one with the fewest differences. */
  #pair(lacking: readonly Line[], strangers: readonly number[]): Pick<Judged, 'missing' | 'unexpected'> {
    const kept = strangers.flatMap((index) => this.#strangers.get(index) ?? []);
    const pairs = lacking.slice(0, MOST_COMPARED).flatMap((line) => kept.map((came) => ({ line, came, near: nearness(line.view, came.view) })));
    pairs.sort((one, other) => other.near - one.near);
    const partner = new Map<Line, Stranger>();
    const taken = new Set<Stranger>();
    const only = lacking.length === 1 && strangers.length === 1;
    for (const { line, came, near } of pairs) {
      if (partner.has(line) || taken.has(came) || (near <= 0 && !only)) continue;
      partner.set(line, came);
      taken.add(came);
    }
    const missing = lacking.map((one) => {
      const came = partner.get(one);
      const what = `${this.#name}, line ${one.line} did not come`;
      if (came === undefined) return { name: nameOf(one), failure: `${what}:\n- ${shown(one.view, LONGEST)}` };
      return { name: nameOf(one), failure: [`${what}; the nearest is ${came.title}:`, ...changes(one.view, came.view)].join('\n') };
    });
    const unexpected = strangers.flatMap((index) => {
      const stranger = this.#strangers.get(index);
      if (stranger !== undefined)
        return taken.has(stranger) ? [] : [{ name: stranger.title, failure: `${stranger.title} is not expected:\n+ ${stranger.text}` }];
      const lines = this.#linesOf(index);
      const why = lines.length === 0 ? 'is not expected' : `is one more than expected, like ${linesText(lines)}`;
      return [{ name: `message ${index + 1}`, failure: `message ${index + 1} ${why}` }];
    });
    return { missing, unexpected };
  }

  #linesOf(index: number): number[] {
    return this.#came[index]?.satisfied.flatMap((at) => this.#expected.all[at]?.lines ?? []) ?? [];
  }

  #disorder(at: number): string {
    const due = this.#lines[at];
    return `${this.#name}, line ${due?.line} was due when message ${at + 1} came:\n- ${shown(due?.view, LONGEST)}\n+ what ${linesText(this.#linesOf(at))} expects`;
  }

  #summary(lacking: number, strangers: number): string | undefined {
    if (lacking === 0 && strangers === 0) return undefined;
    const parts = [
      ...(lacking > 0 ? [`${formatCount(lacking, 'line')} of ${this.lines} of ${this.#name} did not come`] : []),
      ...(strangers > 0 ? [`${formatCount(strangers, 'message')} of ${this.#came.length} ${strangers === 1 ? 'is' : 'are'} not expected`] : []),
    ];
    return `${parts.join(', and ')} (- expected, + came)`;
  }
}

export const nameOf = ({ line, view }: Line): string => `line ${line}: ${shown(view, 100)}`;

function linesText(lines: readonly number[]): string {
  return `line ${lines.slice(0, 5).join(', ')}${lines.length > 5 ? ', …' : ''}`;
}

function changes(expected: Part, came: Part): string[] {
  return differences(expected, came).flatMap(({ at, expected: wanted, came: got }) => [
    `- ${at}: ${shown(wanted)}`,
    got === undefined && at === 'bodyJson' ? `+ body: ${shown(came['body'] ?? came['bodyBase64'])}` : `+ ${at}: ${got === undefined ? '(none)' : shown(got)}`,
  ]);
}

/** Which share of what is expected is there. */
function nearness(expected: Part, came: Part): number {
  const scalars = (value: unknown): number =>
    typeof value === 'object' && value !== null ? Object.values(value).reduce((sum: number, one) => sum + scalars(one), 0) : 1;
  const wrong = differences(expected, came).reduce((sum, { expected: one }) => sum + Math.max(1, scalars(one)), 0);
  return 1 - wrong / Math.max(1, scalars(expected));
}
