import { visibleLine } from './escape.ts';
import type { JunitCase } from './junit.ts';

export type Status = 'ok' | 'warning' | 'critical' | 'unknown';

/** What was asked of something, and the answer. */
export interface Finding {
  readonly check: 'queue' | 'dlx' | 'broker';
  readonly queue?: string;
  /** Of dead letters: why they died, and what a worker said that gave them up. */
  readonly reason?: string;
  readonly why?: string;
  /** What was measured: `age` is in milliseconds. */
  readonly what: 'depth' | 'consumers' | 'age' | 'answers' | 'accepts';
  readonly status: Status;
  /** Null when it is unknown. */
  readonly value: number | null;
  readonly max?: number;
  readonly min?: number;
  readonly warnMax?: number;
  readonly warnMin?: number;
  readonly text: string;
}

/** For people: a line each. */
export function findingText({ status, text }: Finding): string {
  return `${status.padEnd(8)} ${text}`;
}

/** For Nagios and its kind: what is not in order, then performance data. */
export function nagiosLine(status: Status, findings: readonly Finding[]): string {
  const wrong = findings.filter((one) => one.status !== 'ok');
  const told = (wrong.length === 0 ? findings : wrong).map(({ text }) => text.replaceAll('|', '/').replace(/\s+/g, ' ')).join('; ');
  const data = findings.map((one) => {
    const label = [one.queue, one.reason, one.why, one.what].filter((part) => part !== undefined).join(' ');
    const scaled = (number: number | null | undefined): string => (number == null ? '' : String(one.what === 'age' ? number / 1_000 : number));
    const range = (min: number | undefined, max: number | undefined): string => (min === undefined ? scaled(max) : `${scaled(min)}:${scaled(max)}`);
    const value = one.value === null ? 'U' : `${scaled(one.value)}${one.what === 'age' ? 's' : ''}`;
    return `'${visibleLine(label)
      .replace(/[=|\s]+/g, ' ')
      .replaceAll("'", "''")}'=${value};${range(one.warnMin, one.warnMax)};${range(one.min, one.max)};0`;
  });
  return `${status.toUpperCase()} - ${told === '' ? 'nothing to check' : told}${data.length === 0 ? '' : ` | ${data.join(' ')}`}`;
}

const CODES = { ok: 0, warning: 1, critical: 2, unknown: 3 } as const;

/** For Prometheus, as its node exporter reads it from a file. */
export function prometheusText(findings: readonly Finding[]): string {
  const escaped = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
  const labels = ({ check, queue, reason, why, what }: Finding): string =>
    Object.entries({ check, queue, reason, why, what })
      .flatMap(([name, value]) => (value === undefined ? [] : [`${name}="${escaped(value)}"`]))
      .join(',');
  const value = (one: Finding): string => (one.value === null ? 'NaN' : String(one.what === 'age' ? one.value / 1_000 : one.value));
  return [
    '# HELP rmq_check_value What rmq check measured; an age is in seconds.',
    '# TYPE rmq_check_value gauge',
    ...findings.map((one) => `rmq_check_value{${labels(one)}} ${value(one)}`),
    '# HELP rmq_check_status 0 ok, 1 warning, 2 critical, 3 unknown.',
    '# TYPE rmq_check_status gauge',
    ...findings.map((one) => `rmq_check_status{${labels(one)}} ${CODES[one.status]}`),
    '',
  ].join('\n');
}

/** A case each: what is unknown is an error. */
export function checkCases(findings: readonly Finding[]): JunitCase[] {
  return findings.map(({ check, queue, reason, why, what, status, text }) => ({
    name: [check, queue, reason, why, what].filter((part) => part !== undefined).join(' '),
    ...(status === 'ok' ? {} : { [status === 'unknown' ? 'error' : 'failure']: text }),
  }));
}
