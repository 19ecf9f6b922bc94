import assert from 'node:assert/strict';
import { test } from 'node:test';
import stringWidth from 'string-width';
import { cutToWidth, textWidth } from '../../src/text/width.ts';

test('every character of two bytes or fewer is as wide as Unicode says, and so are dashes, lines and bars', () => {
  for (let code = 0x20; code < 0x2800; code += 1) {
    const text = `a${String.fromCodePoint(code)}b`;
    assert.equal(textWidth(text), stringWidth(text), `U+${code.toString(16)}`);
  }
});

test('a cut leaves no half of a character, and is as wide as asked', () => {
  assert.equal(cutToWidth('orders', 6), 'orders');
  assert.equal(cutToWidth('orders', 5), 'orde…');
  assert.equal(cutToWidth('orders', 1), '…');
  assert.equal(cutToWidth('größen…', 6), 'größe…');
  assert.equal(cutToWidth('注文の行', 6), '注文…');
  assert.equal(cutToWidth('👨‍👩‍👧 family', 4), '👨‍👩‍👧 …');
});
