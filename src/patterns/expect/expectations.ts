import { type FileHandle, open } from 'node:fs/promises';
import { type Emit, fewOf } from '../../model/event.ts';
import { Failure, type FailureKind } from '../../model/failure.ts';
import type { Delivery } from '../../model/message/message.ts';
import { option } from '../../model/option.ts';
import { formatCount } from '../../model/quantity.ts';
import { type JunitCase, junitReport } from '../../text/junit.ts';
import type { ConsumeHandler } from '../consume/limits.ts';
import type { Where } from '../dlx/filter/where.ts';
import type { ExpectationConfig } from './config.ts';
import { ExpectedFile, nameOf } from './expected-file.ts';
import { titleOf } from './partial.ts';

/** A rule for each message, and how many did not hold to it. */
interface Rule {
  /** As it was given. */
  readonly name: string;
  /** What is wrong with a message; undefined when it satisfies the rule. */
  readonly judge: (delivery: Delivery) => string | undefined;
  readonly unmet: { readonly number: number; readonly text: string }[];
}

/** The limits of a run that can be made to end with the messages of a file. */
interface Limits {
  readonly count?: number | undefined;
  readonly expect?: number | undefined;
}

/**
 * Reads and compiles what is expected.
 *
 * @throws Failure `usage` for an expression, `data` for a schema or a line of the expect file, `missing` or `io` for a file
 */
export async function openExpectations(config: ExpectationConfig, emit: Emit): Promise<Expectations> {
  const rules: Rule[] = [];
  if (config.match !== undefined) {
    const { compileWhere } = await import('../dlx/filter/where.ts');
    for (const expression of config.match)
      rules.push({ name: `${option('match')} ${expression}`, judge: matching(compileWhere(expression, 'match')), unmet: [] });
  }
  if (config.schema !== undefined) {
    const check = await (await import('./schema.ts')).openSchema(config.schema, emit);
    rules.push({ name: `${option('schema')} ${config.schema}`, judge: ({ body }) => check(body), unmet: [] });
  }
  const expected = config.expectFile === undefined ? undefined : await ExpectedFile.open(config.expectFile, config.inOrder);
  const report = config.junit === undefined ? undefined : await openReport(config.junit);
  return new Expectations(rules, expected, config.expect, report, emit);
}

function matching(where: Where): Rule['judge'] {
  return (delivery) => {
    const now = Date.now();
    const answer = where(delivery, now);
    if (answer === true) return undefined;
    return answer === false ? where.values(delivery, now).join(', ') : answer.reason;
  };
}

/** A report that cannot be written is told before a message is taken. */
async function openReport(path: string): Promise<FileHandle> {
  return open(path, 'w').catch((error: Error) => {
    throw new Failure('io', `${option('junit')}: cannot write ${path}: ${error.message}`, { cause: error });
  });
}

/** How a run ends that waited for messages. */
const JUDGED: ReadonlySet<FailureKind> = new Set(['negative', 'deadline', 'closed', 'interrupted', 'terminated']);

/** What is expected of the messages of a run, and what came. */
export class Expectations {
  readonly #rules: readonly Rule[];
  readonly #expected: ExpectedFile | undefined;
  readonly #expect: number | undefined;
  readonly #report: FileHandle | undefined;
  readonly #emit: Emit;
  readonly #complain: Emit;
  #taken = 0;

  constructor(rules: readonly Rule[], expected: ExpectedFile | undefined, expect: number | undefined, report: FileHandle | undefined, emit: Emit) {
    this.#rules = rules;
    this.#expected = expected;
    this.#expect = expect;
    this.#report = report;
    this.#emit = emit;
    this.#complain = fewOf(emit, 'further messages that do not satisfy what is expected are only counted');
  }

  /** As many messages as the file expects end the run. */
  limited<L extends Limits>(limits: L): L {
    if (this.#expected === undefined) return limits;
    if (limits.count !== undefined || limits.expect !== undefined) {
      throw new Failure('usage', `${option('expectFile')} says how many messages come: it excludes ${option('count')} and ${option('expect')}`);
    }
    return { ...limits, expect: this.#expected.lines };
  }

  /** The handler, for messages that are judged before it has them; they are settled as without expectations. */
  judging(handler: ConsumeHandler): ConsumeHandler {
    return (delivery, context) => {
      if (!context.repeated) this.take(delivery);
      return handler(delivery, context);
    };
  }

  /** Judges the next message. */
  take(delivery: Delivery): void {
    const number = ++this.#taken;
    this.#expected?.take(delivery);
    for (const { name, judge, unmet } of this.#rules) {
      const reason = judge(delivery);
      if (reason === undefined) continue;
      unmet.push({ number, text: `${titleOf(number, delivery)} does not satisfy ${name}${reason === '' ? '' : `: ${reason}`}` });
      this.#complain({ kind: 'unmet', text: unmet.at(-1)?.text ?? '' });
    }
  }

  /**
   * Does the run, then says what was not met, and writes the report, in which `subject` names the run. Of a run that failed before a message came, which
   * tells nothing about them, it says that alone.
   *
   * @throws Failure `negative`, or what the run failed with
   */
  async around(subject: string, run: () => Promise<unknown>): Promise<void> {
    const started = performance.now();
    let failure: unknown;
    try {
      await run();
    } catch (error) {
      failure = error;
    }
    try {
      if (failure !== undefined && !(failure instanceof Failure)) throw failure;
      const isJudged = failure === undefined || this.#taken > 0 || JUDGED.has(failure.kind);
      const verdict = isJudged ? this.#judge(failure) : failure;
      await this.#write(subject, failure, isJudged ? this.#cases() : [], (performance.now() - started) / 1_000);
      if (verdict !== undefined) throw verdict;
    } finally {
      await this.#report?.close();
    }
  }

  #judge(failure: Failure | undefined): Failure | undefined {
    const { missing = [], unexpected = [], strangers = 0, summary, disorder } = this.#expected?.judge() ?? {};
    const told = [...missing, ...unexpected];
    const few = fewOf(this.#emit, 'further differences are only counted');
    for (const { failure: text } of told) few({ kind: 'unmet', text: text ?? '' });
    if (disorder !== undefined) this.#emit({ kind: 'unmet', text: disorder });
    const reasons = [
      ...(summary === undefined ? [] : [summary]),
      ...this.#rules
        .filter(({ unmet }) => unmet.length > 0)
        .map(({ name, unmet }) => `${formatCount(unmet.length, 'message')} of ${this.#taken} ${unmet.length === 1 ? 'does' : 'do'} not satisfy ${name}`),
    ];
    if (reasons.length === 0) return failure;
    const onlyMissing = strangers === 0 && disorder === undefined && this.#rules.every(({ unmet }) => unmet.length === 0);
    // The exit code of a handler says more.
    const outranks =
      failure === undefined ||
      (failure.kind === 'negative' && failure.exitCode === undefined) ||
      (!onlyMissing && (failure.kind === 'deadline' || failure.kind === 'closed'));
    const message = reasons.join('\n');
    if (outranks) return new Failure('negative', failure === undefined ? message : `${failure.message}\n${message}`);
    if (failure.kind !== 'deadline') {
      this.#emit({ kind: 'note', text: message });
      return failure;
    }
    return new Failure('deadline', `${failure.message}\n${message}`);
  }

  #cases(): JunitCase[] {
    const judged = this.#expected?.judge();
    return [
      ...(judged === undefined ? [] : [...judged.met.map((line) => ({ name: nameOf(line) })), ...judged.missing, ...judged.unexpected]),
      ...(judged?.disorder === undefined ? [] : [{ name: option('inOrder'), failure: judged.disorder }]),
      ...this.#rules.map(({ name, unmet }) => ({
        name,
        failure:
          unmet.length === 0
            ? undefined
            : unmet
                .slice(0, 100)
                .map(({ text }) => text)
                .join('\n'),
      })),
    ];
  }

  async #write(subject: string, failure: Failure | undefined, cases: JunitCase[], seconds: number): Promise<void> {
    if (this.#report === undefined) return;
    const failed = failure !== undefined && failure.kind !== 'closed';
    const isExpectation = failure?.kind === 'negative' || failure?.kind === 'deadline';
    if (failed || this.#expect !== undefined) {
      const name = this.#expect === undefined ? 'the run' : `${option('expect')} ${this.#expect}`;
      cases.push({ name, ...(failed && { [isExpectation ? 'failure' : 'error']: failure.message }) });
    }
    await this.#report.writeFile(junitReport(subject, cases, seconds)).catch((error: Error) => {
      throw new Failure('io', `${option('junit')}: the report cannot be written: ${error.message}`, { cause: error });
    });
  }
}
