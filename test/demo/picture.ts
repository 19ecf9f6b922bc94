// The picture in the README: runs command lines in a terminal, against the broker of RABBITMQ_URL, and draws what they really printed.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const COLUMNS = 100;

/** What is typed; a line without a prompt prepares the next ones and is not shown. */
const LINES: readonly (readonly [shown: boolean, line: string])[] = [
  [false, 'rmq queue declare orders'],
  [true, 'rmq publish -q orders -H tenant=acme \'{"id": 42}\''],
  [true, 'rmq consume orders -n 1'],
  [true, 'seq 3 | rmq work publish jobs --lines --dlx dlx'],
  [true, 'rmq work run jobs --drain -- sh -c \'grep -v 2 || { echo "unknown customer" >&2; exit 65; }\''],
  [true, 'rmq dlx inspect dead.letters'],
  [true, 'rmq dlx replay dead.letters'],
];

/** Runs the lines and resolves with the picture. */
export async function draw(env: NodeJS.ProcessEnv): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'rmq-picture-'));
  try {
    await symlink(join(ROOT, 'bin/rmq.js'), join(directory, 'rmq'));
    const rows: Run[][] = [];
    for (const [shown, line] of LINES) {
      const printed = await type(line, directory, env);
      if (shown) rows.push(...(rows.length > 0 ? [[]] : []), [{ text: `$ ${line}`, style: 'typed' }], ...printed.flatMap(wrapped));
    }
    return svg(rows);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** What a command line prints in a terminal. */
async function type(line: string, directory: string, env: NodeJS.ProcessEnv): Promise<Run[][]> {
  const args = ['-qefc', `stty cols ${COLUMNS} rows 40; ${line}`, '/dev/null'];
  const { stdout } = await promisify(execFile)('script', args, {
    env: { ...env, PATH: `${directory}:${env['PATH']}`, TERM: 'xterm', SHELL: '/bin/bash', CI: 'true', NO_COLOR: undefined },
    timeout: 60_000,
  });
  return stdout.trimEnd().split(/\r*\n/).map(runsOf);
}

/** Text in one style; the style is the class of its element. */
interface Run {
  readonly text: string;
  readonly style: string;
}

/** A row as a terminal breaks it. */
function wrapped(runs: readonly Run[]): Run[][] {
  const rows: Run[][] = [[]];
  let column = 0;
  for (const { text, style } of runs) {
    for (let rest = text; rest !== ''; ) {
      if (column === COLUMNS) {
        rows.push([]);
        column = 0;
      }
      const part = rest.slice(0, COLUMNS - column);
      rows.at(-1)?.push({ text: part, style });
      column += part.length;
      rest = rest.slice(part.length);
    }
  }
  return rows;
}

const STYLES: Readonly<Record<string, string>> = { 0: '', 1: 'strong', 2: 'faint', 22: '', 31: 'error', 33: 'warning', 36: 'name', 39: '' };

function runsOf(row: string): Run[] {
  let style = '';
  return row.split(/(\u001b\[[0-9;?]*[A-Za-z])/).flatMap((part, index) => {
    if (index % 2 === 0) return part === '' ? [] : [{ text: part, style }];
    const code = /^\u001b\[(\d+)m$/.exec(part)?.[1];
    if (code !== undefined) style = STYLES[code] ?? style;
    return [];
  });
}

const WIDTH = 8.2;
const HEIGHT = 19;
const MARGIN = 16;

function svg(rows: readonly (readonly Run[])[]): string {
  const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  const lines = rows.flatMap((runs, row) => {
    let column = 0;
    return runs.map(({ text, style }) => {
      const [x, y, length] = [MARGIN + column * WIDTH, MARGIN + (row + 1) * HEIGHT - 5, text.length * WIDTH].map((number) => number.toFixed(1));
      column += text.length;
      return text.trim() === '' ? '' : `<text x="${x}" y="${y}" textLength="${length}"${style === '' ? '' : ` class="${style}"`}>${escaped(text)}</text>`;
    });
  });
  const [width, height] = [COLUMNS * WIDTH + 2 * MARGIN, rows.length * HEIGHT + 2 * MARGIN].map(Math.ceil);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" xml:space="preserve">
<title>rmq in a terminal: publish, consume, work, and a dead letter that is replayed</title>
<style>text{font:13.5px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#d6deeb;white-space:pre}.typed{fill:#fff;font-weight:bold}.strong{font-weight:bold}.faint{fill:#8b98a9}.error{fill:#ff6b6b}.warning{fill:#f0c674}.name{fill:#7fdbca}</style>
<rect width="100%" height="100%" rx="8" fill="#11161f"/>
${lines.filter((line) => line !== '').join('\n')}
</svg>
`;
}

const file = process.argv[2];
if (file?.endsWith('.svg')) await writeFile(file, await draw(process.env));
