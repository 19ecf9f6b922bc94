import type * as z from 'zod/mini';
import { Failure } from '../model/failure.ts';
import { isPlainObject, nearest, quote } from '../model/text.ts';

/**
 * Checks the options that a program gives to a function of the library, and fills in the defaults; the output of a schema is valid input.
 *
 * @throws Failure `usage`, naming each option that is wrong
 */
export function checkedOptions<C>(schema: z.ZodMiniType<C>, given: unknown): C {
  if (!isPlainObject(given)) throw new Failure('usage', `the options must be an object, got ${quote(given)}`);
  let parsed: z.core.util.SafeParseResult<C>;
  try {
    parsed = schema.safeParse(given, { reportInput: true });
  } catch (error) {
    // A getter or a proxy may throw.
    throw new Failure('usage', 'the options cannot be read: one of their getters throws', { cause: error });
  }
  if (parsed.success) return parsed.data;
  const names = 'shape' in schema ? Object.keys(schema.shape as object) : [];
  const reasons = parsed.error.issues.map((issue) => explainIssue(issue, issue.path.length === 0 ? 'the options' : issue.path.join('.'), { names }));
  throw new Failure('usage', reasons.join('\n'));
}

interface Wording {
  /** The known options, to suggest one. */
  readonly names?: readonly string[];
  /** A limit in the unit of the input. */
  readonly bound?: (limit: number) => string;
}

/** What is wrong with the option of this name. */
export function explainIssue(issue: z.core.$ZodIssue, name: string, { names = [], bound = String }: Wording = {}): string {
  switch (issue.code) {
    case 'too_small':
      if (issue.origin === 'string' || issue.origin === 'array') return `${name} must not be empty`;
      return `${name} must be ${issue.inclusive === false ? 'more than' : 'at least'} ${bound(Number(issue.minimum))}`;
    case 'too_big':
      return issue.origin === 'string' ? `${name} must have at most ${issue.maximum} characters` : `${name} must be at most ${bound(Number(issue.maximum))}`;
    // A rule of one option says what the option must be; a rule between several is a sentence.
    case 'custom':
      return issue.path.length === 0 ? issue.message : `${name} ${issue.message}`;
    case 'invalid_type':
      return issue.input === undefined ? `${name} is missing` : `${name} must be of type ${issue.expected}`;
    case 'invalid_value':
      return `${name} must be one of ${issue.values.map(quote).join(', ')}`;
    case 'unrecognized_keys':
      return issue.keys.map((key) => `there is no option ${quote(key)}${meantBy(key, names)}`).join('\n');
    default:
      return `${name} is not valid`;
  }
}

function meantBy(key: string, names: readonly string[]): string {
  const meant = nearest(key, names);
  return meant === undefined ? '' : `; did you mean "${meant}"?`;
}
