import * as z from 'zod/mini';

/** The words of a command or a topic; none for the front page. */
export const HelpConfig = z.strictObject({ topic: z._default(z.array(z.string()), []) });
