import { REASON_HEADER, STDERR_HEADER } from './attempt.ts';
import type { Properties } from './message.ts';
import { plainHeaders } from './plain-headers.ts';

/** What a worker says that knows no more than how its program ended. */
const ONLY_EXIT_CODE = /^exit code \d+$/;

/**
 * Why a worker of ours gave a message up: its reason; where that is only an exit code, which programs use for any error, the last line that the program wrote to
 * its standard error. Undefined when neither is told.
 */
export function whyOf({ headers = {} }: Properties): string | undefined {
  const { [REASON_HEADER]: reason, [STDERR_HEADER]: stderr } = headers;
  if (reason === undefined && stderr === undefined) return undefined;
  const told = plainHeaders({ ...(reason !== undefined && { reason }), ...(stderr !== undefined && { stderr }) });
  const said = typeof told['reason'] === 'string' ? told['reason'] : '';
  const lines = typeof told['stderr'] === 'string' ? told['stderr'].split('\n').filter((line) => line.trim() !== '') : [];
  const last = lines.at(-1)?.trim();
  return (ONLY_EXIT_CODE.test(said) ? (last ?? said) : said || last) || undefined;
}
