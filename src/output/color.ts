import type { ChalkInstance } from 'chalk';

/** How a part of a line is painted; the names say what it means. */
export interface Palette {
  readonly error: (text: string) => string;
  readonly warning: (text: string) => string;
  readonly title: (text: string) => string;
  readonly name: (text: string) => string;
  readonly faint: (text: string) => string;
  /** What was expected, and what came instead. */
  readonly expected: (text: string) => string;
  readonly came: (text: string) => string;
}

const asIs = (text: string): string => text;

export const COLORLESS: Palette = { error: asIs, warning: asIs, title: asIs, name: asIs, faint: asIs, expected: asIs, came: asIs };

export async function loadPalette(): Promise<Palette> {
  const { Chalk } = await import('chalk');
  const chalk: ChalkInstance = new Chalk({ level: 1 });
  return { error: chalk.red.bold, warning: chalk.yellow, title: chalk.bold, name: chalk.cyan, faint: chalk.dim, expected: chalk.green, came: chalk.red };
}

/** Whether a stream gets colours: an explicit `--no-color` wins, then FORCE_COLOR, NO_COLOR, and whether it is a terminal. */
export function wantsColor(env: Readonly<Record<string, string | undefined>>, allowed: boolean, isTerminal: boolean): boolean {
  const { FORCE_COLOR: forced, NO_COLOR: refused, TERM: terminal } = env;
  if (!allowed) return false;
  if (forced !== undefined) return forced !== '0' && forced !== 'false';
  return isTerminal && terminal !== 'dumb' && (refused === undefined || refused === '');
}
