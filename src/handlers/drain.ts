import type { Readable } from 'node:stream';

/** How long a pipe may stay open, in milliseconds, that something in the background has inherited from a program which has ended. */
const INHERITED = 100;
const INHERITED_AT_MOST = 2_000;

/** Waits for what an ended program has left in its pipes; what somebody in the background holds open is closed once nothing comes any more. */
export async function drained(pipes: readonly (Readable | undefined)[]): Promise<void> {
  const rest = pipes.filter((pipe): pipe is Readable => pipe !== undefined && !pipe.closed);
  if (rest.length === 0) return;
  const deadline = performance.now() + INHERITED_AT_MOST;
  let open = rest.length;
  await new Promise<void>((resolve) => {
    let heard = false;
    let timer: NodeJS.Timeout;
    // A busy process sees its timers before what has come in meanwhile; the round after it has seen both.
    const check = (): void => void setImmediate(() => setImmediate(decide));
    const decide = (): void => {
      if (!heard || performance.now() > deadline) resolve();
      else timer = setTimeout(check, INHERITED);
      heard = false;
    };
    for (const pipe of rest) {
      pipe.on('data', () => {
        heard = true;
      });
      pipe.once('close', () => {
        open--;
        if (open > 0) return;
        clearTimeout(timer);
        resolve();
      });
    }
    timer = setTimeout(check, INHERITED);
  });
  for (const pipe of rest) pipe.destroy();
}
