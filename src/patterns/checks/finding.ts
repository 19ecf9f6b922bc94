import { Failure } from '../../model/failure.ts';
import { option } from '../../model/option.ts';
import { formatDuration, formatNumber } from '../../model/quantity.ts';
import type { Finding, Status } from '../../text/checks.ts';

/** A limit as it was given, by the name of its option. */
type Given = readonly [key: string, value: number | undefined];

export interface Limits {
  readonly max?: Given;
  readonly min?: Given;
  readonly warnMax?: Given;
  readonly warnMin?: Given;
}

type Subject = Pick<Finding, 'check' | 'queue' | 'reason' | 'why' | 'what'>;

/** Compares what was measured with its limits; the first that does not hold decides. */
export function measured(subject: Subject, value: number, limits: Limits = {}): Finding {
  const name = nameOf(subject);
  const show = (number: number): string => (subject.what === 'age' ? formatDuration(number) : formatNumber(number));
  const rules = [
    ['critical', limits.max, 'more'],
    ['critical', limits.min, 'less'],
    ['warning', limits.warnMax, 'more'],
    ['warning', limits.warnMin, 'less'],
  ] as const;
  const broken = rules.find(([, [, limit] = ['', undefined], than]) => limit !== undefined && (than === 'more' ? value > limit : value < limit));
  const given = Object.fromEntries(Object.entries(limits).flatMap(([key, [, limit]]: [string, Given]) => (limit === undefined ? [] : [[key, limit]])));
  const [status, [key, limit] = ['', 0], than] = broken ?? (['ok', undefined, ''] as const);
  const why = status === 'ok' ? '' : `, ${than} than ${option(key)} ${show(limit ?? 0)}`;
  return { ...subject, status, value, ...given, text: `${name} ${show(value)}${why}` };
}

/** What could not be measured is never in order. */
export function unknown(subject: Subject, why: unknown): Finding {
  if (!(why instanceof Failure)) throw why;
  return { ...subject, status: 'unknown', value: null, text: `${nameOf(subject)} unknown: ${why.message}` };
}

/** What the broker does, as 1 or 0, or null where that is not known. */
export function stated(what: 'answers' | 'accepts', status: Status, value: number | null, text: string): Finding {
  return { check: 'broker', what, status, value, text: `the broker ${text}` };
}

function nameOf({ queue, reason, why = reason, what, check }: Subject): string {
  const of = queue === undefined ? '' : `queue ${JSON.stringify(queue)}: `;
  return `${of}${check === 'dlx' && what === 'depth' ? 'dead letters' : what}${why === undefined ? '' : ` (${why})`}`;
}

/** The findings, and why some of them are unknown. */
export interface Findings {
  readonly findings: readonly Finding[];
  readonly failure?: Failure | undefined;
}

/** The worst of them: what is known to be wrong counts more than what is unknown. */
export function worst(findings: readonly Finding[]): Status {
  const order: readonly Status[] = ['critical', 'unknown', 'warning'];
  return order.find((status) => findings.some((one) => one.status === status)) ?? 'ok';
}
