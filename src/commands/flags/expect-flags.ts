import type { Emit } from '../../model/event.ts';
import { Failure } from '../../model/failure.ts';
import type { ConsumeHandler } from '../../patterns/consume/limits.ts';
import type { Expectations } from '../../patterns/expect/expectations.ts';
import { type Command, type Context, check, type ExtraValues } from '../command.ts';
import { MESSAGE_NAMES, path, texts, toggle } from './flag.ts';

/** What must hold for the messages of a printing command. */
export const expectationExtras = {
  match: { ...texts('each message must satisfy this CEL expression; repeat it for more', { value: 'EXPR' }), suggests: MESSAGE_NAMES },
  schema: path('each body must satisfy this JSON Schema', { value: 'FILE' }),
  expectFile: path('exactly these messages must come: a file with a partial envelope a line', { value: 'FILE' }),
  inOrder: toggle('with --expect-file: in the order of its lines'),
  junit: path('write a JUnit report of what held and what did not', { value: 'FILE' }),
} as const;

type Given = ExtraValues<typeof expectationExtras>;
type Limits = { readonly count?: number | undefined; readonly expect?: number | undefined };

/** Runs with limits and a handler, and judges each message that the handler gets; without expectations it only runs. `subject` names the run in a report. */
export async function expecting<L extends Limits>(
  given: Given,
  inputs: Command['inputs'],
  subject: string,
  { emit }: Pick<Context, 'emit'>,
  limits: L,
  handler: ConsumeHandler,
  run: (limits: L, handler: ConsumeHandler) => Promise<unknown>,
): Promise<void> {
  const expectations = await expectationsIn(given, inputs, emit, limits.expect);
  if (expectations === undefined) await counted(run, limits, handler);
  else await expectations.around(subject, () => counted(run, expectations.limited(limits), expectations.judging(handler)));
}

/** Where a number of messages is expected, a reader that goes away before all were printed makes the answer negative. */
async function counted<L extends Limits>(run: (limits: L, handler: ConsumeHandler) => Promise<unknown>, limits: L, handler: ConsumeHandler): Promise<void> {
  try {
    await run(limits, handler);
  } catch (error) {
    if (!(error instanceof Failure) || error.kind !== 'closed' || limits.expect === undefined) throw error;
    throw error.saying(`${error.message} before all was seen that is expected`, 'negative');
  }
}

/** What was expected, read and compiled; undefined without any. `expect` is how many messages the run itself expects. */
export async function expectationsIn(given: Given, inputs: Command['inputs'], emit: Emit, expect?: number): Promise<Expectations | undefined> {
  const config = Object.fromEntries(Object.entries(given).filter(([key]) => key in expectationExtras));
  if (Object.keys(config).length === 0) return undefined;
  const [{ ExpectationConfig }, { openExpectations }] = await Promise.all([
    import('../../patterns/expect/config.ts'),
    import('../../patterns/expect/expectations.ts'),
  ]);
  return openExpectations(check(ExpectationConfig, { ...config, expect }, inputs), emit);
}
