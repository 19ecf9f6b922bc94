import type { Event } from '../model/event.ts';
import { masked } from '../model/secrets.ts';
import { visibleText } from '../text/escape.ts';
import type { Palette } from './color.ts';
import { type Remark, remarkOn } from './event.ts';

/** How many messages of a kind are reported one by one. */
const ONE_BY_ONE = 10;
const OF_ONE_MESSAGE: ReadonlySet<Event['kind']> = new Set<Event['kind']>(['returned', 'nacked', 'refused', 'retried', 'requeued', 'dead']);

/** Prints events for people; of many events of one kind, only the first few. */
export function openRemarks(verbose: boolean, print: (paint: (palette: Palette) => string) => void): (event: Event) => void {
  const seen = new Map<Event['kind'], number>();
  return (event) => {
    if (OF_ONE_MESSAGE.has(event.kind)) {
      const count = (seen.get(event.kind) ?? 0) + 1;
      seen.set(event.kind, count);
      if (count > ONE_BY_ONE + 1) return;
      if (count > ONE_BY_ONE) return print(paint({ weight: 'warning', text: `further messages that are ${event.kind} are only counted` }));
    }
    const remark = remarkOn(event);
    if (remark !== undefined && (verbose || remark.weight !== 'detail')) print(paint(remark));
  };
}

/** Any part of a remark may be untrusted text: it is made safe here, once, before colours are added. */
function paint({ weight, text }: Remark): (palette: Palette) => string {
  const safe = visibleText(masked(text).trimEnd()).replaceAll('\n', '\n  ');
  if (weight === 'difference') {
    return ({ expected, came }) => `${safe.replace(/^ {2}([-+]) .*/gm, (line, sign) => (sign === '-' ? expected(line) : came(line)))}\n`;
  }
  return ({ warning, faint }) => `${weight === 'warning' ? `${warning('warning:')} ${safe}` : weight === 'detail' ? faint(safe) : safe}\n`;
}
