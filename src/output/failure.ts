import { Failure } from '../model/failure.ts';
import { masked } from '../model/secrets.ts';
import { visibleText } from '../text/escape.ts';
import type { Palette } from './color.ts';

const MOST_CAUSES = 5;

/** The text for an error: the stack where one is wanted, what happened, why, and last what to do next. */
export function describeFailure(error: unknown, isBug: boolean, verbose: boolean): (palette: Palette) => string {
  const safe = (text: string): string => visibleText(masked(text));
  const chain = causes(error);
  const stack = isBug || verbose ? [safe(framesOf(error))].filter((frames) => frames !== '') : [];
  const [what = 'unknown error', ...why] = reasons(chain).map(safe);
  const hint = isBug ? REPORT : chain.find((one): one is Failure => one instanceof Failure && one.hint !== undefined)?.hint;
  return (palette) =>
    [
      ...stack.map((frames) => palette.faint(frames)),
      `${palette.error(isBug ? 'bug:' : 'error:')} ${indent(what)}`,
      ...why.map((reason) => `  ${palette.faint('because')} ${indent(reason)}`),
      ...(hint === undefined ? [] : [`  ${palette.name('→')} ${indent(safe(hint))}`]),
      '',
    ].join('\n');
}

const REPORT = 'this is a bug in rmq, not a mistake of yours: please report the lines above, with the output of rmq --version and the command line';

function indent(text: string): string {
  return text.trimEnd().replaceAll('\n', '\n  ');
}

/** The error and its causes, the outermost first; an error may be its own cause. */
function causes(error: unknown): unknown[] {
  const chain: unknown[] = [];
  for (let next = error; next !== undefined && chain.length < MOST_CAUSES; next = next instanceof Error ? next.cause : undefined) {
    chain.push(next);
  }
  return chain;
}

/** The messages of the chain that add something to those before them. */
function reasons(chain: readonly unknown[]): string[] {
  const said: string[] = [];
  for (const error of chain) {
    const message = messageOf(error);
    if (message !== '' && !said.some((earlier) => earlier.includes(message))) said.push(message);
  }
  return said;
}

/** Where an error was thrown, without its message. */
function framesOf(error: unknown): string {
  return error instanceof Error ? (/^ {4}at .*/ms.exec(error.stack ?? '')?.[0] ?? '') : '';
}

function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join('; ');
  if (!(error instanceof Error)) return String(error);
  return error.message === '' ? error.name : error.message;
}
