import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatTable } from '../../src/text/dead-letter-table.ts';
import { cutToWidth, textWidth } from '../../src/text/width.ts';

const NUMBERS: ReadonlySet<number> = new Set([0]);

test('columns stand below each other, also with characters that take the room of two or of none', () => {
  const rows = [
    ['1', '注文キュー', 'x'],
    ['12', 'order', 'x'],
    ['3', 'e\u0301te\u0301', 'x'],
    ['4', '📦', 'x'],
  ];
  const lines = formatTable(rows, { right: NUMBERS, widths: [] }).trimEnd().split('\n');
  assert.deepEqual(
    lines.map((line) => textWidth(line.slice(0, line.lastIndexOf('x')))),
    [16, 16, 16, 16],
  );
  assert.deepEqual([lines[0], lines[1]], [' 1  注文キュー  x', '12  order       x']);
});

test('on a terminal the widest columns are cut, numbers and firm ones never, and an empty one takes no room', () => {
  const row = ['123456789', 'firm firm firm', '', 'a long text that is cut', '日本語日本語日本語日本語'];
  const line = formatTable([row], { right: NUMBERS, firm: new Set([1]), widths: [], columns: 45 }).trimEnd();
  assert.equal(line, '123456789  firm firm firm  a long …  日本語…');
  assert.equal(formatTable([row], { right: NUMBERS, widths: [] }).trimEnd(), '123456789  firm firm firm  a long text that is cut  日本語日本語日本語日本語');
});

test('a cut is as wide as it may be, or a column less where half a character would be left', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('a', 'é', '語', '📦', '\u0301', '한') }), fc.integer({ min: 1, max: 30 }), (text, most) => {
      const cut = cutToWidth(text, most);
      assert.ok(textWidth(cut) <= most);
      assert.equal(cut === text, textWidth(text) <= most);
      if (cut !== text) assert.ok(cut.endsWith('…') && text.startsWith(cut.slice(0, -1)) && textWidth(cut) >= most - 1);
    }),
  );
});
