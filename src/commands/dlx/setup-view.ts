import type { FieldTable } from '../../model/message/message.ts';
import { formatDuration } from '../../model/quantity.ts';
import { describeInPlan, type Plan, type PlanStep } from '../../patterns/dlx/setup/plan.ts';
import type { SetUp } from '../../patterns/dlx/setup/setup.ts';

const SIGNS: Readonly<Record<PlanStep['action'], string>> = { create: '+', change: '~', keep: '=', bind: '?', delete: '-', conflict: '!' };
const WORDS: Readonly<Record<'plan' | 'done', Readonly<Record<PlanStep['action'], string>>>> = {
  plan: { create: 'create', change: 'change', keep: 'is there', bind: 'bind', delete: 'delete', conflict: 'CONFLICT' },
  done: { create: 'created', change: 'changed', keep: 'is there', bind: 'bound', delete: 'deleted', conflict: 'CONFLICT' },
};

/** What a setup did, or would do, and how its test went. */
export function setupText(setUp: SetUp, { plan, deadQueue }: { readonly plan: boolean; readonly deadQueue: string }): string {
  const text = planText(setUp, plan ? 'plan' : 'done');
  if (setUp.verified === undefined) return text;
  const { through, reason, exchange, routingKey, milliseconds } = setUp.verified;
  const way = through === 'queue' ? 'the queue' : 'a twin of the queue, which is in use,';
  return `${text}\nverified: a marked message went through ${way} and arrived in "${deadQueue}" after ${formatDuration(milliseconds)} (${reason}, from exchange "${exchange}" with key "${routingKey}")`;
}

/** A plan for people: one line for each thing, what differs below it, and the sum at the end. */
export function planText({ steps, notes }: Pick<Plan, 'steps' | 'notes'>, tense: keyof typeof WORDS, wish?: string): string {
  const lines = steps.flatMap((step) => [
    `${SIGNS[step.action]} ${WORDS[tense][step.action].padEnd(8)}  ${step.kind} ${step.kind === 'binding' ? step.name : `"${step.name}"`}${describeArguments(step)}`,
    ...step.differences.map((one) => `      ${describeInPlan(one, wish)}${step.action === 'keep' ? ': it is kept' : ''}`),
  ]);
  return [...lines, ...notes.map((note) => `note: ${note}`), ...summary(steps, tense)].join('\n');
}

function summary(steps: readonly PlanStep[], tense: keyof typeof WORDS): readonly string[] {
  const count = (action: PlanStep['action']): number => steps.filter((step) => step.action === action).length;
  const parts = [
    [count('create'), 'to create'],
    [count('change'), 'to change'],
    [count('bind'), 'to bind'],
    [count('delete'), 'to delete'],
    [count('conflict'), 'in conflict'],
  ] as const;
  const told = parts.filter(([number]) => number > 0).map(([number, what]) => `${number} ${what}`);
  if (told.length === 0) return ['everything is as it should be'];
  return tense === 'plan' ? [told.join(', ')] : [];
}

function describeArguments({ kind, action, arguments: args }: PlanStep): string {
  if (action === 'keep' || action === 'conflict') return '';
  // The name of a binding tells all but the headers that it is about.
  const told = kind === 'binding' ? (args['arguments'] ?? {}) : args;
  const parts = Object.entries(flat(told as FieldTable)).map(([name, value]) => `${name.replace(/^x-/, '')} ${shown(name, value)}`);
  return parts.length === 0 ? '' : `: ${parts.join(', ')}`;
}

/** The definition of a policy is what matters about it. */
function flat({ definition, ...args }: FieldTable): FieldTable {
  return typeof definition === 'object' && definition !== null && !Array.isArray(definition) ? { ...args, ...(definition as FieldTable) } : args;
}

function shown(name: string, value: unknown): string {
  if (value === '') return name.endsWith('dead-letter-exchange') ? '(default)' : '""';
  return name.endsWith('message-ttl') && typeof value === 'number' ? formatDuration(value) : typeof value === 'string' ? value : JSON.stringify(value);
}
