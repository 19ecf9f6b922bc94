/** A name that no other run has: the time and 52 random bits, without the start-up cost of node:crypto. */
export function uniqueId(): string {
  return `${Date.now().toString(36)}${Math.random().toString(36).slice(2)}`;
}
