import type { Block, Span } from './document.ts';
import { textWidth } from './width.ts';

/** How the parts of a page are painted. */
export interface Ink {
  readonly title: (text: string) => string;
  readonly name: (text: string) => string;
}

/** A terminal that is drawn again and again, until it is given back as it was. */
export interface Screen {
  /** Draws lines, as many as there are rows; `bold` paints what has changed, in columns that are never cut. */
  draw(lines: (bold: (text: string) => string, columns: number, rows: number) => readonly string[]): Promise<void>;
  close(): Promise<void>;
}

export interface PageStyle {
  /** Absent where there is no terminal: what is piped does not depend on the window that it was started in. */
  readonly columns?: number | undefined;
  /** Absent where nothing is painted: code then stands in its backticks. */
  readonly ink?: Ink | undefined;
}

/** Longer lines are hard to read. */
const WIDEST = 110;
const NARROWEST = 40;
/** A longer name has what it is on the next line. */
const WIDEST_NAME = 28;
const INDENT = 2;
const STACKED = 4;
const GAP = 2;

/** A page as text for a terminal: wrapped, except for code, whose lines can be copied as they are. */
export function formatPage(blocks: readonly Block[], { columns = 80, ink }: PageStyle): string {
  // The last column stays free: some terminals wrap when it is used.
  const width = Math.max(NARROWEST, Math.min(columns - 1, WIDEST));
  const lines: string[] = [];
  const names = blocks.flatMap((block) => (block.kind === 'terms' && block.isStacked !== true ? block.terms.map(({ name }) => textWidth(name)) : []));
  const column = Math.max(...names.filter((length) => length <= WIDEST_NAME), 0) + GAP;
  blocks.forEach((block, index) => {
    const previous = blocks[index - 1];
    if (previous !== undefined && !(previous.kind === 'heading' && previous.level > 1)) lines.push('');
    if (block.kind === 'heading') lines.push(...wrap(block.spans, width, ink).map((line) => (ink === undefined ? line : ink.title(line))));
    else if (block.kind === 'paragraph' && previous?.kind === 'terms') lines.push(...wrap(block.spans, width, ink));
    else lines.push(...indented(formatBlock(block, width - INDENT, column, ink), INDENT));
  });
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}

/** `column` is where the terms of the page begin to say what they are. */
function formatBlock(block: Block, width: number, column: number, ink: Ink | undefined): string[] {
  if (block.kind === 'code') return block.lines.map((line) => (line === '' ? line : `  ${ink === undefined ? line : ink.name(line)}`));
  if (block.kind === 'list') return formatList(block, width, column, ink);
  if (block.kind === 'table') return formatTable(block, width, ink);
  if (block.kind === 'terms') return formatTerms(block, block.isStacked === true ? STACKED : column, width, ink);
  return wrap(block.spans, width, ink);
}

function formatList({ ordered, items }: Extract<Block, { kind: 'list' }>, width: number, column: number, ink: Ink | undefined): string[] {
  const isLoose = items.some((item) => item.length > 1);
  const indent = ordered ? String(items.length).length + 2 : 2;
  return items.flatMap((item, index) => {
    const [first = '', ...more] = item.flatMap((block, position) => [...(position > 0 ? [''] : []), ...formatBlock(block, width - indent, column, ink)]);
    const lines = [`${(ordered ? `${index + 1}.` : '-').padEnd(indent)}${first}`, ...indented(more, indent)];
    return isLoose && index > 0 ? ['', ...lines] : lines;
  });
}

function formatTerms({ terms, isStacked }: Extract<Block, { kind: 'terms' }>, column: number, width: number, ink: Ink | undefined): string[] {
  return terms.flatMap(({ name, spans }) => {
    const painted = ink === undefined ? name : ink.name(name);
    const [first = '', ...more] = wrap(spans, width - column, ink);
    if (isStacked === true || textWidth(name) > column - GAP) return [painted, ...indented([first, ...more], column)];
    return [`${painted}${' '.repeat(column - textWidth(name))}${first}`, ...indented(more, column)];
  });
}

function formatTable({ head, rows }: Extract<Block, { kind: 'table' }>, width: number, ink: Ink | undefined): string[] {
  const all = [head, ...rows];
  const words = head.map((_, column) => all.map((row) => wordsOf(row[column] ?? [], ink).map(({ length }) => length)));
  const widths = words.map((cells) => Math.max(...cells.map((lengths) => lengths.reduce((sum, one) => sum + one + 1, -1)), 1));
  const least = words.map((cells) => Math.max(...cells.flat(), 1));
  const excess = (): number => widths.reduce((sum, one) => sum + one, (widths.length - 1) * GAP) - width;
  while (excess() > 0) {
    // The widest column gives way, as long as its words fit.
    const widest = widths.reduce(
      (best, one, index) => (one > (least[index] ?? 0) && one > (widths[best] ?? 0) ? index : best),
      widths.findIndex((one, index) => one > (least[index] ?? 0)),
    );
    if (widest < 0) break;
    widths[widest] = (widths[widest] ?? 1) - 1;
  }
  const cellsOf = (row: readonly (readonly Span[])[]): string[][] => widths.map((columnWidth, index) => wrap(row[index] ?? [], columnWidth, ink));
  const print = (cells: readonly (readonly string[])[]): string[] =>
    Array.from({ length: Math.max(...cells.map((cell) => cell.length), 1) }, (_, line) =>
      cells.map((cell, index) => padded(cell[line] ?? '', widths[index] ?? 0)).join(' '.repeat(GAP)),
    );
  const printed = rows.map(cellsOf);
  const isApart = printed.some(([first]) => (first?.length ?? 0) > 1);
  return [
    ...print(cellsOf(head)).map((line) => (ink === undefined ? line : ink.title(line))),
    widths.map((columnWidth) => '─'.repeat(columnWidth)).join(' '.repeat(GAP)),
    ...printed.flatMap((cells, index) => (isApart && index > 0 ? ['', ...print(cells)] : print(cells))),
  ];
}

function padded(text: string, width: number): string {
  return `${text}${' '.repeat(Math.max(0, width - textWidth(text)))}`;
}

function indented(lines: readonly string[], by: number): string[] {
  return lines.map((line) => (line === '' ? line : `${' '.repeat(by)}${line}`));
}

/** Where a link leads, when its text does not say it. */
export function linkTarget({ text, link = '' }: Span): string | undefined {
  const [, topic] = /^([\w-]+)\.md$/.exec(link) ?? [];
  if (topic !== undefined) return `rmq help ${topic}`;
  return /^https?:/.test(link) && text !== link ? link : undefined;
}

/** Short code is not broken. */
const WHOLE_CODE = 24;

/** Wraps spans to lines of at most so many columns; a longer word stands alone. */
function wrap(spans: readonly Span[], width: number, ink: Ink | undefined): string[] {
  const lines: string[] = [];
  let line = '';
  let used = 0;
  for (const { painted, length } of wordsOf(spans, ink)) {
    if (used > 0 && used + 1 + length > width) {
      lines.push(line);
      line = painted;
      used = length;
    } else {
      line = used === 0 ? painted : `${line} ${painted}`;
      used += (used === 0 ? 0 : 1) + length;
    }
  }
  return used === 0 && lines.length > 0 ? lines : [...lines, line];
}

interface Word {
  readonly painted: string;
  readonly length: number;
}

function wordsOf(spans: readonly Span[], ink: Ink | undefined): readonly Word[] {
  const words: Word[] = [];
  let isOpen = false;
  for (const [index, span] of spans.entries()) {
    const target = spans[index + 1]?.link === span.link ? undefined : linkTarget(span);
    const quoted = span.code === true && ink === undefined ? `\`${span.text}\`` : span.text;
    const whole = target === undefined ? quoted : `${quoted} (${target})`;
    const paint = ink === undefined ? undefined : span.code === true ? ink.name : span.strong === true ? ink.title : undefined;
    const pieces = span.code === true && target === undefined && whole.length <= WHOLE_CODE ? [whole] : whole.split(/\s/);
    pieces.forEach((piece, position) => {
      if (position > 0) isOpen = false;
      if (piece === '') return;
      const before = isOpen ? words.pop() : undefined;
      words.push({ painted: `${before?.painted ?? ''}${paint === undefined ? piece : paint(piece)}`, length: (before?.length ?? 0) + textWidth(piece) });
      isOpen = true;
    });
  }
  return words;
}
