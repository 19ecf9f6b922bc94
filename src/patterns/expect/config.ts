import { readFile } from 'node:fs/promises';
import * as z from 'zod/mini';
import { Failure } from '../../model/failure.ts';
import { option } from '../../model/option.ts';

const file = z.optional(z.string().check(z.minLength(1)));

/** What must hold for the messages that come. */
export const ExpectationConfig = z
  .strictObject({
    /** CEL expressions, each of which must be true for each message. */
    match: z.optional(z.array(z.string().check(z.minLength(1)))),
    schema: file,
    /** Partial envelopes, one a line: exactly these messages must come. */
    expectFile: file,
    inOrder: z._default(z.boolean(), false),
    /** How many messages the run expects, for the report; the run itself counts them. */
    expect: z.optional(z.int()),
    /** Where a report in JUnit's format goes. */
    junit: file,
  })
  .check(
    z.refine(({ inOrder, expectFile }) => !inOrder || expectFile !== undefined, { error: () => `${option('inOrder')} needs ${option('expectFile')}` }),
    z.refine(({ junit, match, schema, expectFile, expect }) => junit === undefined || (match ?? schema ?? expectFile ?? expect) !== undefined, {
      error: () => `${option('junit')} needs an expectation: ${option('expect')}, ${option('match')}, ${option('schema')} or ${option('expectFile')}`,
    }),
  );
export type ExpectationConfig = z.output<typeof ExpectationConfig>;

/**
 * A file of expectations.
 *
 * @throws Failure `missing` or `io`
 */
export async function readGiven(path: string, named: string): Promise<Buffer> {
  return readFile(path).catch((error: NodeJS.ErrnoException) => {
    const missing = error.code === 'ENOENT';
    throw new Failure(missing ? 'missing' : 'io', `${option(named)}: ${missing ? 'no file' : 'cannot read'} ${path}`, { cause: error });
  });
}
