/** Passwords to mask, in plain text and percent-encoded. */
const secrets = new Set<string>();
/** Shorter passwords are part of many harmless words. */
const SHORTEST = 4;
const MOST = 1_000;

/** Remembers the password of a URL for `masked`. A password that equals the user's name, such as guest, is not secret. */
export function keepSecret(url: string): void {
  const [, user = '', written = ''] = /^[a-z][a-z0-9+.-]*:\/\/([^\s:@/]*):(\S*)@/i.exec(url.trim()) ?? [];
  keepPassword(decoded(user), decoded(written), written);
}

/** Remembers a password or a token in the same way; `written` is how it stood in a URL. */
export function keepPassword(user: string, password: string, written = password): void {
  if (password === user || password.length < SHORTEST) return;
  for (const form of [password, written, encodeURIComponent(password)]) secrets.add(form);
  // A run without an end gets a new token every few minutes.
  for (const oldest of secrets) if (secrets.size > MOST) secrets.delete(oldest);
}

/** What is wrong with a URL whose password may hold a #, a ? or a / that is not percent-encoded: it would make another host of the rest. Undefined for any other. */
export function ambiguityOf(url: string): string | undefined {
  if (url.includes('#')) return 'has a #, which must be written %23';
  if (/^[^@?]*\?.*@/.test(url)) return 'has an @ behind a ?: one of them must be written %40 or %3F';
  return /@[^/?]*\/[^?]*@/.test(url) ? 'has an @ behind a /: one of them must be written %40 or %2F' : undefined;
}

/** A URL as it may be shown: without its password and its query. */
export function shownUrl(url: string): string {
  if (ambiguityOf(url) !== undefined) return masked(url);
  try {
    const shown = new URL(url);
    shown.password = '';
    shown.search = '';
    return shown.href;
  } catch {
    return masked(url);
  }
}

/** True for a URL with a password that is not just the user's name. */
export function hasSecret(url: string): boolean {
  const [, user = '', password = ''] = /^[a-z][a-z0-9+.-]*:\/\/([^\s:@/]*):(\S*)@/i.exec(url.trim()) ?? [];
  return password !== '' && decoded(password) !== decoded(user);
}

/** The text without passwords: those in URLs, and those that `keepSecret` knows. */
export function masked(text: string): string {
  let safe = text.replace(/(amqps?:\/\/[^\s:@/]*:)(?:(?!,amqps?:)\S)*@/gi, '$1***@').replace(/(https?:\/\/[^\s:@/]*:)[^\s@/]*@/gi, '$1***@');
  for (const secret of secrets) if (safe.includes(secret)) safe = safe.replaceAll(secret, '***');
  return safe;
}

/** The same for bytes; bytes without a secret stay as they are. */
export function maskedBytes(bytes: Buffer): Buffer {
  const text = bytes.toString('utf8');
  const safe = masked(text);
  return safe === text ? bytes : Buffer.from(safe);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The URLs of a text, such as RABBITMQ_URL; other commas belong to a URL. */
export function urlsIn(text: string): string[] {
  return text.trim().split(/\s*,\s*(?=amqps?:\/\/)/i);
}
