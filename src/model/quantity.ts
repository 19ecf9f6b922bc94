import { Failure } from './failure.ts';

const DURATION_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const SIZE_UNITS: Readonly<Record<string, number>> = { b: 1, kb: 1_024, mb: 1_048_576, gb: 1_073_741_824 };

/** The longest duration that a timer keeps: about 24.8 days; `setTimeout` would fire at once beyond it. */
export const MAX_TIMER = 2_147_483_647;

/**
 * Milliseconds of a duration such as `250ms`, `1.5s`, `5m`, `1h` or `7d`. A number without a unit is refused:
 * some would read it as seconds, others as milliseconds.
 *
 * @throws Failure `usage`
 */
export function parseDuration(text: string): number {
  return parseQuantity(text, DURATION_UNITS, 'a duration such as 250ms, 30s, 5m, 1h or 7d');
}

/**
 * Bytes of a size such as `64kb`, `1mb` or `512b` (1 kb is 1,024 bytes).
 *
 * @throws Failure `usage`
 */
export function parseSize(text: string): number {
  return parseQuantity(text, SIZE_UNITS, 'a size such as 512b, 64kb or 1mb');
}

function parseQuantity(text: string, units: Readonly<Record<string, number>>, wanted: string): number {
  const match = /^(\d+(?:\.\d+)?)([a-z]+)$/i.exec(text);
  const unit = match?.[2] === undefined ? undefined : units[match[2].toLowerCase()];
  if (!match || unit === undefined) throw new Failure('usage', `expected ${wanted}, got "${text}"`);
  const amount = Number(match[1]) * unit;
  if (!Number.isSafeInteger(amount)) throw new Failure('usage', `expected ${wanted} of whole units, got "${text}"`);
  return amount;
}

/** A duration as `parseDuration` reads it: `30s`. */
export function typedDuration(milliseconds: unknown): string {
  return typed(Number(milliseconds), DURATION_UNITS) ?? '0s';
}

/** A size as `parseSize` reads it: `64mb`. */
export function typedSize(bytes: unknown): string {
  return typed(Number(bytes), SIZE_UNITS) ?? '0b';
}

function typed(amount: number, units: Readonly<Record<string, number>>): string | undefined {
  const unit = Object.entries(units).findLast(([, size]) => amount >= size && amount % size === 0);
  return unit && `${amount / unit[1]}${unit[0]}`;
}

/** A duration for people: `340 ms`, `2.5 s`, `4 min 10 s`, `3 h 5 min`, `7 d`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1_000) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1_000;
  if (seconds < 59.95) return `${trim(seconds)} s`;
  const whole = Math.round(seconds);
  if (whole < 3_600) return join(Math.floor(whole / 60), 'min', whole % 60, 's');
  if (whole < 86_400) return join(Math.floor(whole / 3_600), 'h', Math.floor((whole % 3_600) / 60), 'min');
  return join(Math.floor(whole / 86_400), 'd', Math.floor((whole % 86_400) / 3_600), 'h');
}

/** A short duration for people: `0.42 ms`, `3.1 ms`. */
export function formatMilliseconds(milliseconds: number): string {
  return milliseconds < 1_000 ? `${milliseconds.toFixed(milliseconds < 1 ? 2 : 1)} ms` : formatDuration(milliseconds);
}

/** A size for people: `312 B`, `64 KiB`, `1.5 MiB`. */
export function formatSize(bytes: number): string {
  if (bytes < 1_024) return `${bytes} B`;
  if (bytes < 1_048_576) return `${trim(bytes / 1_024)} KiB`;
  if (bytes < 1_073_741_824) return `${trim(bytes / 1_048_576)} MiB`;
  return `${trim(bytes / 1_073_741_824)} GiB`;
}

/** `1 message`, `12,000 messages`. */
export function formatCount(count: number, noun: string, plural = `${noun}s`): string {
  return `${formatNumber(count)} ${count === 1 ? noun : plural}`;
}

/** `12,000`. (`toLocaleString` would load the ICU data, which costs 25 ms of a start.) */
export function formatNumber(count: number): string {
  return count < 1_000 ? String(count) : String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}

function trim(value: number): string {
  return value.toFixed(1).replace(/\.0$/, '');
}

function join(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}
