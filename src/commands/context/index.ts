import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { type Command, type CommandGroup, type Context, defineCommand } from '../command.ts';
import { argument, text, toggle } from '../flags/flag.ts';
import { managementExtras } from '../flags/globals.ts';

export const contextGroup: CommandGroup = { path: ['context'], summary: 'names for brokers, and protection for those that matter' };

/** The file with the contexts, as the XDG base directory specification places it; a relative `XDG_CONFIG_HOME` is ignored. */
export function contextsPath(env: Readonly<Record<string, string | undefined>>): string {
  const given = env['XDG_CONFIG_HOME'];
  return join(given !== undefined && isAbsolute(given) ? given : join(env['HOME'] || homedir(), '.config'), 'rmq', 'contexts.json');
}

/** Commands that change the contexts at the same time do so one after the other: each reads what the one before has written. */
async function changing<T>({ env, signal }: Context, change: (path: string) => T): Promise<T> {
  const { withLock } = await import('../../broker/lock.ts');
  const path = contextsPath(env);
  return withLock(`${path}.lock`, 'XDG_CONFIG_HOME names another directory to keep the contexts in.', signal, () => change(path));
}

const addContext = defineCommand({
  path: ['context', 'add'],
  connects: 'later',
  summary: 'give a broker a name: --url, --url-file, --password-command, --token-command and the files of TLS are kept under it',
  examples: [
    ['rmq context add local -u amqp://localhost', 'rmq -c local … uses it'],
    [
      "rmq context add production -u amqps://user@host/vhost --password-command 'pass show rabbitmq' --protected",
      'the password stays in its store; nothing is removed or sent again there without --confirm production',
    ],
  ],
  inputs: {
    name: argument('what it is called'),
    managementUrl: text(managementExtras.managementUrl.help, { value: 'URL' }),
    protected: toggle(
      'what removes, sends again or changes (purge, delete, unbind, replay, move, import, apply, bench) needs --confirm NAME; --yes is not enough',
    ),
  },
  load: async () => {
    const { AddContextConfig, storeContext } = await import('./change.ts');
    return {
      config: AddContextConfig,
      run: async (config, context) => {
        const { name, current, shown } = await changing(context, (path) => storeContext(path, config, context.globals));
        await context.results.report(
          { name, current },
          `${shown} is added${current ? ', and used from now on' : `; rmq -c ${name} or rmq context use ${name} uses it`}`,
        );
      },
    };
  },
});

const listContexts = defineCommand({
  path: ['context', 'list'],
  connects: false,
  summary: 'list the contexts',
  examples: [['rmq context list', 'the one that is used has a star']],
  inputs: {},
  load: async () => {
    const { NoInputConfig, listed } = await import('./change.ts');
    return {
      config: NoInputConfig,
      run: async (_, { env, results }) => {
        for (const { shown, ...one } of listed(contextsPath(env), env)) await results.report(one, `${one.current ? '*' : ' '} ${shown}`);
      },
    };
  },
});

const useContext = defineCommand({
  path: ['context', 'use'],
  connects: false,
  summary: 'use a context from now on',
  examples: [
    ['rmq context use staging', 'wherever neither --url nor --context nor RMQ_CONTEXT is given'],
    ['rmq context use --none', 'no context any more'],
  ],
  inputs: { name: argument('the context', { optional: true, completes: 'context' }), none: toggle('use none') },
  load: async () => {
    const { UseContextConfig, used } = await import('./change.ts');
    return {
      config: UseContextConfig,
      run: async (config, context) => {
        const { name, shown } = await changing(context, (path) => used(path, config));
        await context.results.report({ current: name ?? null }, shown);
      },
    };
  },
});

const showContext = defineCommand({
  path: ['context', 'show'],
  connects: false,
  summary: 'tell what a context is',
  examples: [['rmq context show', 'the one that is used']],
  inputs: { name: argument('the context; the one that is used unless given', { optional: true, completes: 'context' }) },
  load: async () => {
    const { ShowContextConfig, described } = await import('./change.ts');
    return {
      config: ShowContextConfig,
      run: async ({ name }, { env, results }) => {
        const { shown, ...one } = described(contextsPath(env), env, name);
        await results.report(one, shown);
      },
    };
  },
});

const removeContext = defineCommand({
  path: ['context', 'remove'],
  connects: false,
  summary: 'forget a context; its broker is left alone',
  examples: [['rmq context remove staging', 'the name is free again']],
  inputs: { name: argument('the context', { completes: 'context' }) },
  load: async () => {
    const { RemoveContextConfig, removed } = await import('./change.ts');
    return {
      config: RemoveContextConfig,
      run: async ({ name }, context) => {
        const { shown, wasCurrent } = await changing(context, (path) => removed(path, name));
        await context.results.report({ name, removed: true }, `${shown} is removed${wasCurrent ? '; no context is used now' : ''}`);
      },
    };
  },
});

export const contextCommands: readonly Command[] = [addContext, listContexts, useContext, showContext, removeContext];
