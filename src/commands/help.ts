import { topics } from '../guide/topics.ts';
import { defineCommand } from './command.ts';
import { rest } from './flags/flag.ts';

export const helpCommand = defineCommand({
  path: ['help'],
  connects: false,
  summary: 'explain a command or a topic',
  examples: [
    ['rmq help', 'all commands and topics'],
    ['rmq help dlx replay', 'a command, as rmq dlx replay --help does'],
    ['rmq help exit-codes', 'a topic of the guide'],
    ['rmq help flags', 'the flags that every command takes'],
  ],
  inputs: { topic: { ...rest('a command, or a topic of the guide', { optional: true }), choices: topics.map(({ name }) => name) } },
  load: async () => {
    // The table holds this command: it is there only when this one runs.
    const { HelpConfig, pageAbout } = await import('./help/page.ts');
    return {
      config: HelpConfig,
      run: async ({ topic }, { results }) => {
        await results.page({ topic: topic.join(' ') }, await pageAbout(topic));
      },
    };
  },
});
