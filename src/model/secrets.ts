/** Passwords that must never be told, as they are and as URLs write them. */
const secrets = new Set<string>();
/** A shorter one stands in many words that are none. */
const SHORTEST = 4;

/** Remembers the password of a URL, so that `masked` finds it wherever it stands. One that is also the user's name, such as guest, is no secret. */
export function keepSecret(url: string): void {
  const [, user = '', written = ''] = /^[a-z][a-z0-9+.-]*:\/\/([^\s:@/]*):(\S*)@/i.exec(url.trim()) ?? [];
  const password = decoded(written);
  if (password === decoded(user) || password.length < SHORTEST) return;
  for (const form of [password, written, encodeURIComponent(password)]) secrets.add(form);
}

/** True for a URL with a password that is not just the user's name. */
export function hasSecret(url: string): boolean {
  const [, user = '', password = ''] = /^[a-z][a-z0-9+.-]*:\/\/([^\s:@/]*):(\S*)@/i.exec(url.trim()) ?? [];
  return password !== '' && decoded(password) !== decoded(user);
}

/** A text without the passwords of URLs in it, and without those that are known, however they got there. */
export function masked(text: string): string {
  let safe = text.replace(/(amqps?:\/\/[^\s:@/]*:)(?:(?!,amqps?:)\S)*@/gi, '$1***@').replace(/(https?:\/\/[^\s:@/]*:)[^\s@/]*@/gi, '$1***@');
  for (const secret of secrets) if (safe.includes(secret)) safe = safe.replaceAll(secret, '***');
  return safe;
}

/** The same for bytes, which stay as they are where there is nothing to hide. */
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
