import * as z from 'zod/mini';
import { readPage, type Topic, topics } from '../../guide/topics.ts';
import { Failure } from '../../model/failure.ts';
import { nearest, quote } from '../../model/text.ts';
import { type Block, parseMarkdown, parseSpans } from '../../text/document.ts';
import { type Command, longName, spelling } from '../command.ts';
import type { Argument, Flag } from '../flags/flag.ts';
import { describedGlobals } from '../flags/globals.ts';
import { commands, groups, sections } from '../index.ts';
import { insteadOf } from './elsewhere.ts';

const TITLE = 'RabbitMQ from the shell: publish, consume, work queues, dead letters, RPC, a broker for CI';

/** The first command lines to try. */
const FIRST: Command['examples'] = [
  ['rmq broker start', 'a private RabbitMQ in the background, which the next lines use; --url or RMQ_URL name yours'],
  ['rmq publish -q orders "hello"', 'exit 0: the broker has taken responsibility, and a queue has the message'],
  ['rmq consume orders -n 1', 'acknowledged once it has been printed'],
];

/**
 * The page about a command, a group of commands or a topic; without words, about all.
 *
 * @throws Failure `usage` when there is none
 */
export async function pageAbout(words: readonly string[]): Promise<readonly Block[]> {
  const named = words.join(' ');
  if (named === '') return frontPage();
  const command = commands.find(({ path }) => path.join(' ') === named);
  if (command !== undefined) return commandPage(command);
  const group = groups.find(({ path }) => path.join(' ') === named);
  if (group !== undefined) return groupPage(named, group.summary);
  if (named === 'flags') return flagsPage();
  if (topics.some(({ name }) => name === named)) return parseMarkdown(await readPage(named));
  const names = [...[...groups, ...commands].map(({ path }) => path.join(' ')), ...topics.map(({ name }) => name), 'flags'];
  const near = nearest(named, names);
  const instead = near === undefined ? words.map((word) => insteadOf(word, commands)).find((hint) => hint !== undefined) : `did you mean rmq help ${near}?`;
  throw new Failure('usage', `no help about ${quote(named)}`, {
    hint: `${instead === undefined ? '' : `${instead}; `}rmq help lists the commands and topics`,
  });
}

/** All commands, grouped as people think of them, and all topics. */
export function frontPage(): Block[] {
  return [
    title(TITLE),
    ...exampleBlocks(FIRST),
    ...section('Usage', { kind: 'code', lines: ['rmq COMMAND [flags]', 'rmq help [COMMAND | TOPIC]'] }),
    ...sections.flatMap(({ title: name, words }) => section(name, terms(words.map((word) => [word, summaryOf(word)])))),
    ...section('Topics of rmq help', terms(topics.map(({ name, summary }) => [name, summary]))),
    paragraph('`rmq COMMAND --help` has the flags of a command, `rmq help flags` those of every command.'),
  ];
}

function summaryOf(word: string): string {
  const [one] = [...groups, ...commands].filter(({ path }) => path.length === 1 && path[0] === word);
  return one?.summary ?? '';
}

/** What is below a word that only groups commands. */
export function groupPage(word: string, summary: string): Block[] {
  const below = commands.filter(({ path }) => path.length > 1 && path[0] === word);
  const [first] = below;
  return [
    title(`rmq ${word}: ${summary}`),
    ...exampleBlocks(below.flatMap(({ examples }) => examples.slice(0, 1))),
    ...section('Usage', { kind: 'code', lines: [`rmq ${word} COMMAND [flags]`] }),
    ...section('Commands', terms(below.map(({ path, summary: does }) => [path.join(' '), does]))),
    ...(first === undefined ? [] : [paragraph(`\`rmq ${first.path.join(' ')} --help\` and its kind have the flags. ${further(word)}`)]),
  ];
}

/** A command: its examples, what it takes, and its own flags. */
export async function commandPage({ path, summary, examples, described }: Command): Promise<Block[]> {
  const entries = Object.entries(await described());
  const taken = entries.filter((entry): entry is [string, Argument<unknown>] => entry[1].kind === 'argument');
  const flags = entries.filter((entry): entry is [string, Flag<unknown>] => entry[1].kind === 'flag');
  return [
    title(`rmq ${path.join(' ')}: ${summary}`),
    ...exampleBlocks(examples),
    ...section('Usage', { kind: 'code', lines: [usageOf(path, taken, flags.length > 0)] }),
    ...section('Arguments', terms(taken.map(([key, argument]) => [spelling(key, argument), argument.help]))),
    ...section('Flags', terms(flags.map(flagTerm))),
    paragraph(further(path[0] ?? '')),
  ];
}

/** What every command takes. */
export async function flagsPage(): Promise<Block[]> {
  return [
    title('The flags of every command'),
    paragraph('They stand before or after the command. A command that connects to no broker refuses `--url`, `--context` and their kind.'),
    terms(Object.entries(await describedGlobals()).map(flagTerm)),
    terms([
      ['-h, --help', 'the help of the command'],
      ['-V, --version', 'the version'],
    ]),
    paragraph('Durations are `250ms`, `30s`, `5m`, `1h`, `7d`; sizes `64kb`, `1mb`. More: [connections](connections.md), [output](output.md).'),
  ];
}

function usageOf(path: readonly string[], taken: readonly (readonly [string, Argument<unknown>])[], hasFlags: boolean): string {
  const words = taken.map(([key, argument]) => {
    const name = argument.rest === true ? `${spelling(key, argument)}...` : spelling(key, argument);
    const whole = argument.completes === 'command' ? `-- ${name}` : name;
    return argument.optional === true ? `[${whole}]` : whole;
  });
  return ['rmq', ...path, ...(hasFlags ? ['[flags]'] : []), ...words].join(' ');
}

function flagTerm([key, flag]: readonly [string, Flag<unknown>]): readonly [string, string] {
  const short = flag.short === undefined ? '' : `-${flag.short}, `;
  const value = flag.value === undefined ? '' : ` ${flag.value}`;
  const also = (flag.aliases ?? []).map((alias) => `; also --${alias}`).join('');
  return [`${short}${longName(key, flag)}${value}`, `${flag.help}${also}`];
}

/** Where there is more about a command. */
function further(word: string): string {
  const about = topics.filter((topic: Topic) => topic.about.includes(word)).map(({ name }) => `\`rmq help ${name}\``);
  return `More: ${['`rmq help flags` (the flags of every command)', ...about, '`rmq help exit-codes`'].join(', ')}.`;
}

function exampleBlocks(examples: Command['examples']): Block[] {
  return section('Examples', { ...terms(examples), isStacked: true });
}

function section(name: string, block: Block): Block[] {
  const isEmpty = (block.kind === 'terms' && block.terms.length === 0) || (block.kind === 'code' && block.lines.length === 0);
  return isEmpty ? [] : [{ kind: 'heading', level: 2, spans: [{ text: name }] }, block];
}

function title(text: string): Block {
  return { kind: 'heading', level: 1, spans: [{ text }] };
}

function paragraph(text: string): Block {
  return { kind: 'paragraph', spans: parseSpans(text) };
}

function terms(entries: readonly (readonly [name: string, does: string])[]): Extract<Block, { kind: 'terms' }> {
  return { kind: 'terms', terms: entries.map(([name, does]) => ({ name, spans: [{ text: does }] })) };
}

/** The words of a command or a topic; none for the front page. */
export const HelpConfig = z.strictObject({ topic: z._default(z.array(z.string()), []) });
