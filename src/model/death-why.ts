import { REASON_HEADER, STDERR_HEADER } from './attempt.ts';
import type { Properties } from './message.ts';
import { plainHeaders } from './plain-headers.ts';

/** Why a worker of ours gave a message up: its reason, else the last line that its program wrote; undefined when neither is told. */
export function whyOf({ headers = {} }: Properties): string | undefined {
  const { [REASON_HEADER]: reason, [STDERR_HEADER]: stderr } = headers;
  if (reason === undefined && stderr === undefined) return undefined;
  const told = plainHeaders({ ...(reason !== undefined && { reason }), ...(stderr !== undefined && { stderr }) });
  const lines = typeof told['stderr'] === 'string' ? told['stderr'].trimEnd().split('\n') : [];
  return (typeof told['reason'] === 'string' ? told['reason'] : '') || lines.at(-1) || undefined;
}
