// Lets things go wrong around rmq, over and over, and says what became of the messages: npm run campaign -- --help
import { parseArgs } from 'node:util';
import { campaign, isClean, report } from './campaign.ts';
import { type Fault, ROLES, type RoleName } from './fault.ts';
import { faults } from './faults/index.ts';
import { stopNodes } from './nodes.ts';

const HELP = `npm run campaign [-- [NAME…] [OPTIONS]]

Lets faults strike rmq while it publishes, consumes, works, subscribes, calls, serves, inspects, replays and exports, and
compares what it says with what an independent client finds in the queues. NAME is a fault or a group of faults; all unless
named. The broker is that of RABBITMQ_URL, or a throwaway one; alarms, clusters and kills have nodes of their own.

  --rounds N     rounds a fault (20)
  --seed S       where the seeds of the rounds begin (a random number); round 1 has seed S, round 2 S + 1, …
  --role ROLE    only rounds of this role (repeat it): ${ROLES.join(', ')}
  --messages N   messages that a run deals with (4000)
  --jobs N       rounds at the same time, where they do not disturb each other (2)
  --short        what npm test runs: a few rounds of what is quick
  --list         name the faults and their roles
  --help         this text

The table on standard output has for each fault: its rounds; in how many the fault struck before the run was over; how the
runs ended; messages that are lost; messages that came twice although the run warned of it, and without a warning; rounds
with counts or outputs that are not true, with exit codes that promise what did not happen (or are 70 or 134, or come with a stack
trace), and runs that hung; the most memory that a run held. Each round that is not clean is printed with the command that
repeats it: the seed decides everything but the speed of the machine. Exit 1 when a round is not clean.
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '20' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
    role: { type: 'string', multiple: true },
    messages: { type: 'string', default: '4000' },
    jobs: { type: 'string', default: '2' },
    short: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const number = (name: 'rounds' | 'seed' | 'messages' | 'jobs'): number => {
  const value = Number(values[name]);
  if (!Number.isSafeInteger(value) || value < (name === 'seed' ? 0 : 1)) throw new Error(`--${name} takes a whole number, not ${values[name]}`);
  return value;
};

function wanted(): readonly Fault[] {
  if (positionals.length === 0) return faults;
  return positionals.flatMap((name) => {
    const named = faults.filter((fault) => fault.name === name || fault.group === name);
    if (named.length === 0) throw new Error(`there is no fault ${JSON.stringify(name)}: npm run campaign -- --list`);
    return named;
  });
}

const say = (text: string): void => void process.stderr.write(`${text}\n`);
if (values.help) process.stdout.write(HELP);
else if (values.list) for (const { group, name, roles } of faults) process.stdout.write(`${group}\t${name}\t${roles.join(', ')}\n`);
else {
  for (const role of values.role ?? []) if (!(ROLES as readonly string[]).includes(role)) throw new Error(`--role takes ${ROLES.join(', ')}, not ${role}`);
  const [seed, rounds] = [number('seed'), number('rounds')];
  const since = performance.now();
  try {
    const rows = await campaign({
      faults: wanted(),
      rounds: values.short ? ({ short = 0 }) => short : () => rounds,
      seed,
      roles: values.role as RoleName[] | undefined,
      messages: number('messages'),
      jobs: number('jobs'),
      say,
    });
    process.stdout.write(report(rows, seed));
    if (!rows.every(isClean)) process.exitCode = 1;
  } finally {
    await stopNodes();
  }
  say(`${((performance.now() - since) / 1_000).toFixed(0)} s`);
}
