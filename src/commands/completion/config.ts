import * as z from 'zod/mini';
import { SHELLS } from './shell.ts';

/** A script to print, or a directory to write all of them into. */
export const CompletionConfig = z
  .strictObject({
    shell: z.optional(z.enum(SHELLS)),
    write: z.optional(z.string().check(z.minLength(1))),
  })
  .check(z.refine(({ shell, write }) => (shell === undefined) !== (write === undefined), { error: 'either SHELL or --write DIR is needed' }));
