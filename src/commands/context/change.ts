import { resolve } from 'node:path';
import * as z from 'zod/mini';
import { Failure } from '../../model/failure.ts';
import { option } from '../../model/option.ts';
import { shownUrl } from '../../model/secrets.ts';
import { quote } from '../../model/text.ts';
import { check } from '../command.ts';
import { globalFlags } from '../flags/globals.ts';
import { type ContextsFile, contextCalled, contextName, contextShape, problemOf, readContexts, type StoredContext, writeContexts } from './file.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export const NoInputConfig = z.strictObject({});
export const AddContextConfig = z.strictObject({ name: contextName, managementUrl: contextShape.managementUrl, protected: contextShape.protected });
export const UseContextConfig = z
  .strictObject({ name: z.optional(contextName), none: z._default(z.boolean(), false) })
  .check(z.refine(({ name, none }) => (name === undefined) === none, { error: 'name the context to use, or give --none' }));
export const ShowContextConfig = z.strictObject({ name: z.optional(contextName) });
export const RemoveContextConfig = z.strictObject({ name: contextName });

/** A context as it is shown before something that cannot be undone: `production (protected) amqps://user@host/vhost`. */
function shownContext(name: string | undefined, isProtected: boolean, urls: readonly string[]): string {
  return [...(name === undefined ? [] : [name]), ...(isProtected ? ['(protected)'] : []), urls.map(shownUrl).join(',')].join(' ');
}

function shownAs(name: string, { protected: isProtected, url, urlFile }: StoredContext): string {
  return url === undefined ? `${shownContext(name, isProtected, [])}the URL in ${urlFile}` : shownContext(name, isProtected, url);
}

/** Paths hold from every directory. */
function placed({ url, urlFile, cacert, cert, key, passphraseFile, ...rest }: StoredContext): StoredContext {
  const files = Object.entries({ urlFile, cacert, cert, key, passphraseFile }).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { ...(url !== undefined && { url }), ...Object.fromEntries(files.map(([name, path]) => [name, resolve(path)])), ...rest };
}

/**
 * Adds a context.
 *
 * @throws Failure `usage` for a name that is taken, or a context that cannot be used
 */
export function storeContext(
  path: string,
  { name, ...own }: z.output<typeof AddContextConfig>,
  globals: Readonly<Record<string, unknown>>,
): { name: string; current: boolean; shown: string } {
  const given = Object.entries(globals).filter(([key]) => Object.hasOwn(contextShape, key));
  const context = check(z.strictObject(contextShape), { ...own, ...Object.fromEntries(given) }, globalFlags);
  const { current, contexts } = readContexts(path);
  if (Object.hasOwn(contexts, name)) throw new Failure('usage', `there is a context ${quote(name)} already`, { hint: `rmq context remove ${name} removes it` });
  if (context.urlFile === '-') throw new Failure('usage', 'a context needs a file: --url-file - reads standard input');
  const problem = problemOf(context);
  if (problem !== undefined) throw new Failure('usage', `the context ${quote(name)} ${problem}`);
  const one = placed(context);
  writeContexts(path, { ...(current !== undefined && { current }), contexts: { ...contexts, [name]: one } });
  return { name, current: current === name, shown: shownAs(name, one) };
}

interface Told extends StoredContext {
  readonly name: string;
  readonly current: boolean;
}

function told(name: string, context: StoredContext, current: string | undefined): Told {
  const { url, managementUrl } = context;
  const shown = { ...(url !== undefined && { url: url.map(shownUrl) }), ...(managementUrl !== undefined && { managementUrl: shownUrl(managementUrl) }) };
  return { name, ...context, ...shown, current: name === current };
}

/** The name of the context that a command would use, as far as no flag says otherwise; an empty variable turns contexts off. */
export function currentName(env: Environment, { current }: ContextsFile): string | undefined {
  const variable = env['RMQ_CONTEXT'];
  return variable === undefined ? current : variable || undefined;
}

export function listed(path: string, env: Environment): readonly (Told & { readonly shown: string })[] {
  const file = readContexts(path);
  return Object.entries(file.contexts).map(([name, context]) => ({ ...told(name, context, currentName(env, file)), shown: shownAs(name, context) }));
}

/** Makes one the current context, or none. */
export function used(path: string, { name }: z.output<typeof UseContextConfig>): { readonly name: string | undefined; readonly shown: string } {
  const { contexts } = readContexts(path);
  if (name === undefined) {
    writeContexts(path, { contexts });
    return { name, shown: 'no context is used now' };
  }
  const context = contextCalled(name, { contexts });
  writeContexts(path, { current: name, contexts });
  return { name, shown: `${shownAs(name, context)} is used from now on` };
}

export function described(path: string, env: Environment, given: string | undefined): Told & { readonly shown: string } {
  const file = readContexts(path);
  const name = given ?? currentName(env, file);
  if (name === undefined) throw new Failure('missing', 'no context is used', { hint: 'rmq context list lists those that there are' });
  const context = contextCalled(name, file);
  const { url: _, protected: __, ...others } = context;
  const one = told(name, context, currentName(env, file));
  const lines = Object.keys(others).map((key) => `  ${option(key)} ${String(one[key as keyof Told])}`);
  return { ...one, shown: [shownAs(name, context), ...lines].join('\n') };
}

export function removed(path: string, name: string): { readonly shown: string; readonly wasCurrent: boolean } {
  const { current, contexts } = readContexts(path);
  const context = contextCalled(name, { contexts });
  const { [name]: _, ...others } = contexts;
  writeContexts(path, { ...(current !== undefined && current !== name && { current }), contexts: others });
  return { shown: shownAs(name, context), wasCurrent: current === name };
}
