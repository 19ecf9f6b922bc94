import type * as z from 'zod/mini';

/** What a program may write for the options of a shape: what has a default may be left out. */
export type Input<S extends z.core.$ZodShape> = z.input<z.ZodMiniObject<S>>;

/** What one call takes beside its options. */
export interface Call {
  /** Ends the call when it is aborted: with `deadline` for a signal of `AbortSignal.timeout`, with `interrupted` otherwise. */
  readonly signal?: AbortSignal | undefined;
}
