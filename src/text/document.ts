/** A run of text; `link` is where it leads. */
export interface Span {
  readonly text: string;
  readonly code?: true;
  readonly strong?: true;
  readonly link?: string;
}

/** A part of a page. */
export type Block =
  | { readonly kind: 'heading'; readonly level: number; readonly spans: readonly Span[] }
  | { readonly kind: 'paragraph'; readonly spans: readonly Span[] }
  | { readonly kind: 'code'; readonly lines: readonly string[] }
  | { readonly kind: 'list'; readonly ordered: boolean; readonly items: readonly (readonly Block[])[] }
  | { readonly kind: 'table'; readonly head: readonly (readonly Span[])[]; readonly rows: readonly (readonly (readonly Span[])[])[] }
  /** Names with what each is: flags, commands, topics; `isStacked` puts that below the name. */
  | { readonly kind: 'terms'; readonly terms: readonly { readonly name: string; readonly spans: readonly Span[] }[]; readonly isStacked?: true };

const HEADING = /^(#{1,4}) +(.*)$/;
const FENCE = /^```/;
const ITEM = /^(-|\d+\.) +/;
const ROW = /^\|/;

/**
 * Reads the Markdown of the guide: headings, paragraphs, fenced code, lists, tables, and in a line `code`, **strong** and
 * [links](to). Everything else is text.
 */
export function parseMarkdown(text: string): readonly Block[] {
  return parseLines(text.split('\n'));
}

function parseLines(lines: readonly string[]): Block[] {
  const blocks: Block[] = [];
  let at = 0;
  const line = (): string => lines[at] ?? '';
  const takeWhile = (wanted: (line: string) => boolean): string[] => {
    const start = at;
    while (at < lines.length && wanted(line())) at += 1;
    return lines.slice(start, at);
  };
  while (at < lines.length) {
    const heading = HEADING.exec(line());
    if (line().trim() === '') at += 1;
    else if (heading !== null) {
      blocks.push({ kind: 'heading', level: heading[1]?.length ?? 1, spans: parseSpans(heading[2] ?? '') });
      at += 1;
    } else if (FENCE.test(line())) {
      at += 1;
      blocks.push({ kind: 'code', lines: takeWhile((one) => !FENCE.test(one)) });
      at += 1;
    } else if (ROW.test(line())) {
      const [head = '', , ...rows] = takeWhile((one) => ROW.test(one));
      blocks.push({ kind: 'table', head: parseRow(head), rows: rows.map(parseRow) });
    } else if (ITEM.test(line())) {
      const ordered = !line().startsWith('-');
      const items: Block[][] = [];
      while (ITEM.test(line()) && !line().startsWith('-') === ordered) items.push(takeItem());
      blocks.push({ kind: 'list', ordered, items });
    } else {
      blocks.push({ kind: 'paragraph', spans: parseSpans(takeWhile((one) => one.trim() !== '' && !isStart(one)).join(' ')) });
    }
  }
  return blocks;

  /** An item goes on as long as its lines are indented. */
  function takeItem(): Block[] {
    const indent = ITEM.exec(line())?.[0].length ?? 2;
    const [first = ''] = lines.slice(at, at + 1);
    at += 1;
    const isMore = (one: string, index: number): boolean => one.startsWith(' '.repeat(indent)) || (one.trim() === '' && isIndented(lines[index + 1], indent));
    const more: string[] = [];
    while (at < lines.length && isMore(line(), at)) {
      more.push(line().slice(indent));
      at += 1;
    }
    if (line().trim() === '' && ITEM.test(lines[at + 1] ?? '')) at += 1;
    return parseLines([first.slice(indent), ...more]);
  }
}

function isStart(line: string): boolean {
  return HEADING.test(line) || FENCE.test(line) || ROW.test(line) || ITEM.test(line);
}

function isIndented(line: string | undefined, indent: number): boolean {
  return line?.startsWith(' '.repeat(indent)) === true;
}

/** The cells of a row; a `|` in one of them is written `\|`. */
function parseRow(line: string): readonly (readonly Span[])[] {
  const inner = line.trim().replace(/^\||(?<!\\)\|$/g, '');
  return inner.split(/(?<!\\)\|/).map((cell) => parseSpans(cell.trim().replaceAll('\\|', '|')));
}

const MARKED = /`([^`]+)`|\*\*((?:[^*]|\*(?!\*))+)\*\*|\[([^\]]+)\]\(([^)\s]+)\)/g;

export function parseSpans(text: string, style: Omit<Span, 'text'> = {}): readonly Span[] {
  const spans: Span[] = [];
  const add = (plain: string): void => {
    if (plain !== '') spans.push({ text: plain, ...style });
  };
  let from = 0;
  for (const { index, 0: all, 1: code, 2: strong, 3: label, 4: link } of text.matchAll(MARKED)) {
    add(text.slice(from, index));
    from = index + all.length;
    if (code !== undefined) spans.push({ text: code, code: true, ...style });
    else if (strong !== undefined) spans.push(...parseSpans(strong, { ...style, strong: true }));
    else spans.push(...parseSpans(label ?? '', { ...style, link: link ?? '' }));
  }
  add(text.slice(from));
  return spans;
}
