// Writes the man pages from what `rmq help` prints: rmq(1), a page for each first word of the commands, and one for each topic (7).
import { mkdirSync, writeFileSync } from 'node:fs';
import packageJson from '../package.json' with { type: 'json' };
import { pageAbout } from '../src/commands/help/page.ts';
import { commands, groups, sections } from '../src/commands/index.ts';
import { topics } from '../src/guide/topics.ts';
import type { Block, Span } from '../src/text/document.ts';

const DIRECTORY = 'dist/man';

mkdirSync(DIRECTORY, { recursive: true });
const also = (names: readonly string[]): string => `.SH SEE ALSO\n${names.map((name) => `.BR ${dashed(name)}`).join(' ,\n')}\n`;
const words = sections.flatMap((section) => section.words);
const pageOf = (word: string): string => `rmq-${word} (1)`;
const topicOf = ({ name }: { readonly name: string }): string => `rmq-${name} (7)`;

write('rmq', 1, [body(await pageAbout([])), also([...words.map(pageOf), ...topics.map(topicOf)])]);
for (const word of words) {
  const below = commands.filter(({ path }) => path[0] === word);
  const isGroup = groups.some(({ path }) => path[0] === word);
  const parts = [body(await pageAbout([word]))];
  // The page of a command alone is the whole page; those of a group follow it.
  if (isGroup) for (const { path } of below) parts.push(body(await pageAbout(path), true));
  write(`rmq-${word}`, 1, [...parts, also(['rmq (1)', ...topics.filter(({ about }) => about.includes(word)).map(topicOf), 'rmq-exit-codes (7)'])]);
}
for (const topic of topics) write(`rmq-${topic.name}`, 7, [body(await pageAbout([topic.name])), also(['rmq (1)'])], topic.summary);

function write(name: string, section: number, parts: readonly string[], summary?: string): void {
  const title = `.TH ${name.toUpperCase()} ${section} "" "rmq ${packageJson.version}" "rmq"`;
  const [first = '', ...more] = parts;
  const [, said = ''] = /^\.SH "?(?:rmq [\w ]+: |)(.*?)"?$/m.exec(first) ?? [];
  const rest = first.replace(/^\.SH .*\n/, '');
  writeFileSync(
    `${DIRECTORY}/${name}.${section}`,
    `${[title, '.SH NAME', `${dashed(name)} \\- ${summary ?? said}`, ...(rest.startsWith('.SH') ? [] : ['.SH DESCRIPTION']), rest].join('\n')}${more.join('')}`,
  );
}

/** The page as roff; as a part of another one, its headings are a level lower. */
function body(blocks: readonly Block[], isPart = false): string {
  return blocks.map((block) => roff(block, isPart)).join('');
}

function roff(block: Block, isPart = false): string {
  if (block.kind === 'heading') return `${block.level === 1 || !isPart ? '.SH' : '.SS'} "${spansOf(block.spans, false).replaceAll('"', '\\(dq')}"\n`;
  if (block.kind === 'paragraph') return `.PP\n${line(spansOf(block.spans))}\n`;
  if (block.kind === 'code') return `.PP\n.RS 4\n.nf\n${block.lines.map((one) => line(dashed(one))).join('\n')}\n.fi\n.RE\n`;
  if (block.kind === 'list') {
    return block.items.map((item, index) => `.IP ${block.ordered ? `${index + 1}.` : '\\(bu'} 4\n${itemOf(item)}`).join('');
  }
  if (block.kind === 'terms') return block.terms.map(({ name, spans }) => `.TP\n${line(`\\fB${dashed(name)}\\fR`)}\n${line(spansOf(spans))}\n`).join('');
  const names = block.head.map((cell) => spansOf(cell, false));
  return block.rows
    .map(([first = [], ...cells]) => {
      const told = cells
        .map((cell, index) => (cells.length === 1 ? spansOf(cell) : `${names[index + 1] ?? ''}: ${spansOf(cell)}`))
        .filter((text) => text !== '');
      return `.TP\n${line(spansOf(first))}\n${told.map(line).join('\n.br\n')}\n`;
    })
    .join('');
}

function itemOf([first, ...more]: readonly Block[]): string {
  const start = first?.kind === 'paragraph' ? `${line(spansOf(first.spans))}\n` : first === undefined ? '' : roff(first);
  return more.length === 0 ? start : `${start}.RS 4\n${more.map((block) => roff(block)).join('')}.RE\n`;
}

function spansOf(spans: readonly Span[], styled = true): string {
  return spans
    .map(({ text, code, strong, link }, index) => {
      const [, topic] = spans[index + 1]?.link === link ? [] : (/^([\w-]+)\.md$/.exec(link ?? '') ?? []);
      const marked = styled && (code === true || strong === true) ? `\\fB${dashed(text)}\\fR` : code === true ? dashed(text) : escaped(text);
      return topic === undefined ? marked : `${marked} (\\fBrmq\\-${dashed(topic)}\\fR(7))`;
    })
    .join('');
}

/** A line that begins with a dot or a quote would be a request. */
function line(text: string): string {
  return /^[.']/.test(text) ? `\\&${text}` : text;
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\e');
}

/** Hyphens that are typed, and can be searched for. */
function dashed(text: string): string {
  return escaped(text).replaceAll('-', '\\-');
}
