import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { textTable } from '../support/text-table.ts';
import { BOUND, type Fault, type Findings, MEMORY, type RoleName, type Round } from './fault.ts';
import { seeded } from './random.ts';
import { type Ended, type Watched, watched } from './watched.ts';

/** How a campaign goes. */
export interface Plan {
  readonly faults: readonly Fault[];
  readonly rounds: (fault: Fault) => number;
  readonly seed: number;
  /** Only rounds of these; all unless given. */
  readonly roles?: readonly RoleName[] | undefined;
  readonly messages: number;
  /** Rounds at the same time, of faults that disturb nobody. */
  readonly jobs: number;
  readonly say: (text: string) => void;
}

/** What was seen of one fault over its rounds. */
export interface Row {
  readonly fault: string;
  rounds: number;
  struck: number;
  readonly codes: Map<number, number>;
  lost: number;
  told: number;
  untold: number;
  untrue: number;
  wrong: number;
  hung: number;
  peak: number;
  /** Why it was not tried. */
  missing?: string;
  /** Rounds that are not clean, each with how to repeat it. */
  readonly unclean: Unclean[];
}

export interface Unclean {
  readonly seed: number;
  readonly role: RoleName;
  readonly what: readonly string[];
  /** The runs of the round, with what they said. */
  readonly runs: readonly Ended[];
}

/** Goes through all rounds of all faults. A round that is not clean does not end it. */
export async function campaign(plan: Plan): Promise<Row[]> {
  const rows: Row[] = [];
  const together: (() => Promise<void>)[] = [];
  const apart: (() => Promise<void>)[] = [];
  for (const [number, fault] of plan.faults.entries()) {
    const roles = fault.roles.filter((role) => plan.roles?.includes(role) !== false);
    if (roles.length === 0) continue;
    const row: Row = {
      fault: fault.name,
      rounds: 0,
      struck: 0,
      codes: new Map(),
      lost: 0,
      told: 0,
      untold: 0,
      untrue: 0,
      wrong: 0,
      hung: 0,
      peak: 0,
      unclean: [],
    };
    rows.push(row);
    const missing = await fault.missing?.();
    if (missing !== undefined) {
      row.missing = missing;
      continue;
    }
    for (let index = 0; index < plan.rounds(fault); index++) {
      const seed = plan.seed + index;
      // Each fault begins with another role, so that a few rounds of all faults meet all of them.
      const role = roles[(seed + number) % roles.length] as RoleName;
      (fault.alone === true ? apart : together).push(async () => {
        await tryRound(fault, role, seed, plan, row);
        if (row.rounds === plan.rounds(fault)) plan.say(`${fault.name}: ${row.unclean.length === 0 ? 'clean' : `${row.unclean.length} rounds not clean`}`);
      });
    }
  }
  await Promise.all(
    Array.from({ length: plan.jobs }, async () => {
      for (let next = together.shift(); next !== undefined; next = together.shift()) await next();
    }),
  );
  for (const next of apart) await next();
  return rows;
}

async function tryRound(fault: Fault, role: RoleName, seed: number, plan: Plan, row: Row): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'rmq-campaign-'));
  const cleaning: (() => unknown)[] = [() => rm(directory, { recursive: true, force: true })];
  const runs: Watched[] = [];
  const round: Round = {
    seed,
    random: seeded(seed),
    role,
    directory,
    messages: plan.messages,
    after: (end) => void cleaning.push(end as () => unknown),
    start: (argv, options) => {
      const run = watched(argv, fault.bound ?? BOUND, options);
      runs.push(run);
      return run;
    },
  };
  const what: string[] = [];
  let findings: Findings | undefined;
  try {
    findings = await fault.round(round);
  } catch (error) {
    what.push(`the round failed: ${error instanceof Error ? error.stack : error}`);
  }
  for (const { child } of runs) child.kill('SIGKILL');
  const ended = await Promise.all(runs.map((run) => run.ended));
  for (const end of cleaning.reverse()) await Promise.resolve(end()).catch((error: unknown) => what.push(`not cleaned up: ${error}`));
  row.rounds++;
  if (findings?.struck !== false) row.struck++;
  const { lost = 0, told = 0, untold = 0, untrue = [], wrong = [] } = findings ?? {};
  const manners = ended.flatMap((one) => mannersOf(one, fault));
  const hung = ended.filter((one) => one.hung).length;
  for (const { code, peak } of ended) {
    row.codes.set(code, (row.codes.get(code) ?? 0) + 1);
    row.peak = Math.max(row.peak, peak);
  }
  row.lost += lost;
  row.told += told;
  row.untold += untold;
  row.untrue += untrue.length > 0 ? 1 : 0;
  row.wrong += wrong.length + manners.length > 0 ? 1 : 0;
  row.hung += hung;
  if (lost > 0) what.push(`${lost} lost`);
  if (untold > 0) what.push(`${untold} doubled and not told`);
  what.push(...untrue.slice(0, 5), ...wrong, ...manners);
  if (what.length > 0) row.unclean.push({ seed, role, what, runs: ended });
}

const STACK = /\n {4}at |Maximum call stack|FATAL ERROR|heap out of memory|UnhandledPromise|MaxListenersExceeded|^\w*Error: /m;
/** A mistake of the campaign, a bug, and what a shell says of an abort or a segmentation fault. */
const BUGS: readonly number[] = [64, 70, 134, 139];

/** What no run may do, whatever happens to it. */
function mannersOf({ code, stderr, hung, peak }: Ended, { memory = MEMORY, bound = BOUND }: Fault): string[] {
  return [
    ...(hung ? [`hung for ${bound / 1_000} s`] : []),
    ...(BUGS.includes(code) ? [`exit ${code}`] : []),
    ...(STACK.test(stderr) ? ['a stack trace'] : []),
    ...(peak > memory ? [`${megabytes(peak)} MB at its peak`] : []),
  ];
}

const megabytes = (bytes: number): string => (bytes / 1_048_576).toFixed(0);

const HEADS = ['fault', 'rounds', 'struck', 'exit codes', 'lost', 'doubled, told', 'doubled, untold', 'untrue', 'wrong exit', 'hung', 'peak MB', ''];

export function isClean({ unclean }: Row): boolean {
  return unclean.length === 0;
}

/** The table of a campaign, and below it each round that is not clean, with the command that repeats it. */
export function report(rows: readonly Row[], seed: number): string {
  const cells = rows.map((row) => [
    row.fault,
    row.rounds,
    row.struck,
    [...row.codes]
      .toSorted(([a], [b]) => a - b)
      .map(([code, count]) => `${code}: ${count}`)
      .join(', '),
    row.lost,
    row.told,
    row.untold,
    row.untrue,
    row.wrong,
    row.hung,
    megabytes(row.peak),
    row.missing === undefined ? (isClean(row) ? '' : `NOT CLEAN, seeds ${row.unclean.map((one) => one.seed).join(' ')}`) : `not run: ${row.missing}`,
  ]);
  const sum = (of: (row: Row) => number): number => rows.reduce((total, row) => total + of(row), 0);
  cells.push([
    'all',
    sum((row) => row.rounds),
    sum((row) => row.struck),
    '',
    sum((row) => row.lost),
    sum((row) => row.told),
    sum((row) => row.untold),
    sum((row) => row.untrue),
    sum((row) => row.wrong),
    sum((row) => row.hung),
    megabytes(Math.max(0, ...rows.map((row) => row.peak))),
    `${rows.filter((row) => !isClean(row)).length} not clean`,
  ]);
  const table = textTable(
    HEADS,
    cells.map((row) => row.map(String)),
  );
  return `seed ${seed}\n\n${table}${rows.flatMap((row) => row.unclean.map((one) => described(row, one))).join('')}`;
}

const SAID = 2_000;

function described({ fault }: Row, { seed, role, what, runs }: Unclean): string {
  const said = runs.map(
    ({ argv, code, stderr }) => `  rmq ${argv.join(' ')}\n  ended with ${code} and said:\n${stderr.slice(-SAID).trimEnd().replace(/^/gm, '    ')}\n`,
  );
  return `\n${fault}, ${role}: ${what.join('; ')}\n  npm run campaign -- '${fault}' --role '${role}' --seed ${seed} --rounds 1\n${said.join('')}`;
}
