import { chmodSync, closeSync, fstatSync, mkdirSync, openSync, readFileSync, realpathSync, renameSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname } from 'node:path';
import * as z from 'zod/mini';
import { Failure } from '../../model/failure.ts';
import { option } from '../../model/option.ts';
import { hasSecret } from '../../model/secrets.ts';
import { quote } from '../../model/text.ts';
import { explainIssue } from '../../patterns/options.ts';

const given = z.string().check(z.minLength(1));
const maybe = z.optional(given);

/** How to reach a broker. The keys are those of the flags; a password is never among them. */
export const contextShape = {
  url: z.optional(
    z
      .array(
        given.check(
          z.refine((url) => !hasSecret(url), {
            error: () => `must not hold a password: leave it out of the URL, and name a command that prints it with ${option('password')}`,
          }),
        ),
      )
      .check(z.minLength(1)),
  ),
  urlFile: maybe,
  password: maybe,
  token: maybe,
  managementUrl: z.optional(
    given.check(z.refine((url) => !hasSecret(url), { error: () => 'must not hold a password: the management API is asked with that of the broker' })),
  ),
  cacert: maybe,
  cert: maybe,
  key: maybe,
  passphraseFile: maybe,
  servername: maybe,
  /** True: what cannot be undone has to be confirmed by the name of the context. */
  protected: z._default(z.boolean(), false),
};

const StoredContext = z.strictObject(contextShape);
export type StoredContext = z.output<typeof StoredContext>;

/** Safe in a shell and in a message. */
export const contextName = z
  .string()
  .check(z.refine((name) => /^[A-Za-z0-9][\w.-]{0,63}$/.test(name), { error: 'must be at most 64 letters, digits, dots, hyphens and underscores' }));

const ContextsFile = z.strictObject({ current: z.optional(contextName), contexts: z.record(contextName, StoredContext) });
export type ContextsFile = z.output<typeof ContextsFile>;

/**
 * The contexts of this user; none where there is no file.
 *
 * @throws Failure `config` for a file that others may read or change, or that does not hold contexts; `io` for one that cannot be read
 */
export function readContexts(path: string): ContextsFile {
  const text = readOwn(path);
  if (text === undefined) return { contexts: {} };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Failure('config', `${path} is not JSON: ${error instanceof Error ? error.message : error}`, { hint: 'correct it, or remove it' });
  }
  const parsed = ContextsFile.safeParse(value, { reportInput: true });
  if (!parsed.success) {
    const wrong = parsed.error.issues.map((issue) => explainIssue(issue, issue.path.length === 0 ? 'the whole' : issue.path.join('.')));
    throw new Failure('config', `${path}: ${wrong.join('\n')}`, { hint: 'correct it, or remove it' });
  }
  const { current, contexts } = parsed.data;
  for (const [name, one] of Object.entries(contexts)) {
    const problem = problemOf(one);
    if (problem !== undefined) throw new Failure('config', `${path}: the context ${quote(name)} ${problem}`);
  }
  if (current !== undefined && contexts[current] === undefined) throw new Failure('config', `${path}: the current context ${quote(current)} is not there`);
  return parsed.data;
}

/** What is wrong between the keys of a context; undefined when it can be used. */
export function problemOf({ url, urlFile, password, token }: StoredContext): string | undefined {
  if ((url === undefined) === (urlFile === undefined)) return 'needs either a URL or a file with one';
  return password !== undefined && token !== undefined ? 'has a command for a password and one for a token: only one of them can be used' : undefined;
}

/**
 * One context by its name.
 *
 * @throws Failure `missing`
 */
export function contextCalled(name: string, { contexts }: ContextsFile): StoredContext {
  const found = Object.hasOwn(contexts, name) ? contexts[name] : undefined;
  if (found !== undefined) return found;
  const names = Object.keys(contexts);
  throw new Failure('missing', `there is no context ${quote(name)}`, {
    hint: names.length === 0 ? 'rmq context add adds one' : `there ${names.length === 1 ? 'is' : 'are'} ${names.join(', ')}`,
  });
}

/** Writes all contexts, so that a reader sees either these or those before. */
export function writeContexts(path: string, file: ContextsFile): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const place = targetOf(path);
    const fresh = `${place}.new`;
    writeFileSync(fresh, `${JSON.stringify(file, undefined, 2)}\n`, { mode: 0o600 });
    chmodSync(fresh, 0o600);
    renameSync(fresh, place);
  } catch (error) {
    throw new Failure('io', `cannot write ${path}`, { cause: error });
  }
}

/** The file itself where the path is a link to it. */
function targetOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function readOwn(path: string): string | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(path, 'r');
    const { mode, uid } = fstatSync(fd);
    if ((mode & 0o077) !== 0) throw new Failure('config', `${path} is open to other users`, { hint: `chmod 600 ${path}` });
    if (uid !== userInfo().uid) throw new Failure('config', `${path} belongs to another user`, { hint: 'it may lead every command to any broker' });
    return readFileSync(fd, 'utf8');
  } catch (error) {
    if (error instanceof Failure) throw error;
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new Failure('io', `cannot read ${path}`, { cause: error });
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
