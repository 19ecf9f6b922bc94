import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { plainHeaders } from '../../../src/model/message/field-json.ts';
import { table } from './fields.ts';

describe('headers as people read them', () => {
  it('have numbers, dates and tables in place of typed values', () => {
    const headers = {
      count: { '!': 'int64', value: 3 },
      huge: { '!': 'int64', value: '9223372036854775807' },
      time: { '!': 'timestamp', value: 1_700_000_000 },
      price: { '!': 'decimal', value: { places: 2, digits: 1999 } },
      wrapped: { '!': 'table', value: { '!': { '!': 'int8', value: 1 } } },
      list: [{ '!': 'uint8', value: 7 }, 'text', null],
    } as const;
    assert.deepEqual(plainHeaders(headers), {
      count: 3,
      huge: '9223372036854775807',
      time: '2023-11-14T22:13:20Z',
      price: 19.99,
      wrapped: { '!': 1 },
      list: [7, 'text', null],
    });
  });

  it('can be had of every table', () => {
    fc.assert(fc.property(table, (headers) => assert.deepEqual(Object.keys(plainHeaders(headers)), Object.keys(headers))));
  });
});
