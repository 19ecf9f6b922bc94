import { setFlagsFromString } from 'node:v8';

/**
 * Lets V8 optimize code later, for commands whose slowest round trip counts. It does so on threads of its own, which compete with the broker and the server
 * for the processor: on a small machine the slowest of a thousand calls then took three times as long. Code runs 15 times as often before that, counted
 * in bytes of bytecode.
 */
export function optimizeLate(): void {
  // Version 12, of Node 22, and later ones have no such flag, and complain.
  if (Number.parseInt(process.versions.v8, 10) < 12) setFlagsFromString('--interrupt-budget=2000000');
}
