import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { visibleLine, visibleText } from '../../src/text/escape.ts';

/** What must never reach a terminal as it is; spelled by code point, apart from the code under test. */
function isObeyed(character: string): boolean {
  const code = character.codePointAt(0) ?? 0;
  return (
    code < 0x20 ||
    (code >= 0x7f && code <= 0x9f) ||
    (code >= 0x2028 && code <= 0x202e) ||
    (code >= 0x2060 && code <= 0x206f) ||
    [0x61c, 0x180e, 0x200b, 0x200e, 0x200f, 0xfeff].includes(code) ||
    (code >= 0xfff9 && code <= 0xfffb) ||
    (code >= 0xe0000 && code <= 0xe007f)
  );
}

const anything = fc.string({
  unit: fc.oneof(
    fc.integer({ min: 0, max: 0xa0 }).map((code) => String.fromCharCode(code)),
    fc.integer({ min: 0x2000, max: 0x2070 }).map((code) => String.fromCharCode(code)),
    fc.constantFrom('\u061c', '\u180e', '\ufeff', '\ufff9', '\ufffb', '\u{e0001}', '\u{e0041}', '\u{e007f}'),
  ),
});

describe('text of a stranger', () => {
  it('shows its control characters by their codes', () => {
    assert.equal(visibleLine('a\x1b[31mb\x07\r\n\t\x7f\u009b\u202e\u2066'), 'a\\x1b[31mb\\x07\\r\\n\\t\\x7f\\x9b\\u202e\\u2066');
  });

  it('shows what has no width, separates lines or tags text by its code', () => {
    assert.equal(visibleLine('a\u061c\u200b\u200e\u200f\u2028\u2029\ufeff\u{e0041}b'), 'a\\u061c\\u200b\\u200e\\u200f\\u2028\\u2029\\ufeff\\u{e0041}b');
  });

  it('keeps newlines and tabs where it may have several lines, but no carriage return', () => {
    assert.equal(visibleText('a\tb\r\nc'), 'a\tb\\r\nc');
  });

  it('is left alone where it is harmless', () => {
    for (const text of ['grüße', '日本語', '👩‍👩‍👧', 'עברית', '~ \u00a0']) assert.equal(visibleLine(text), text);
  });

  it('never makes a terminal do anything', () => {
    fc.assert(
      fc.property(anything, (text) => assert.ok(![...visibleLine(text)].some(isObeyed))),
      { numRuns: 2_000 },
    );
    fc.assert(
      fc.property(anything, (text) => assert.ok(![...visibleText(text)].some((one) => isObeyed(one) && one !== '\n' && one !== '\t'))),
      { numRuns: 2_000 },
    );
  });
});
