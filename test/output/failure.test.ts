import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Failure } from '../../src/model/failure.ts';
import { masked } from '../../src/model/secrets.ts';
import { COLORLESS } from '../../src/output/color.ts';
import { describeFailure } from '../../src/output/failure.ts';
import { onTerminal, perform } from './theatre.ts';

const describeIt = (error: unknown, isBug = false, verbose = false): string => describeFailure(error, isBug, verbose)(COLORLESS);

describe('a failure', () => {
  it('says what happened, why, and last what to do', () => {
    const cause = new Error('connect ECONNREFUSED ::1:5672', { cause: new Error('ECONNREFUSED') });
    const failure = new Failure('unavailable', 'cannot reach localhost:5672', { hint: 'start a broker', cause });
    assert.equal(describeIt(failure), 'error: cannot reach localhost:5672\n  because connect ECONNREFUSED ::1:5672\n  → start a broker\n');
  });

  it('takes its hint from its cause when it has none of its own', () => {
    const cause = new Failure('data', 'priority must be a whole number', { hint: 'from 0 to 255' });
    assert.equal(
      describeIt(new Failure('data', 'line 3: priority must be a whole number', { cause })),
      'error: line 3: priority must be a whole number\n  → from 0 to 255\n',
    );
  });

  it('names every error that was gathered', () => {
    const cause = new AggregateError([new Error('connect ECONNREFUSED ::1:5672'), new Error('connect ECONNREFUSED 127.0.0.1:5672')]);
    assert.match(
      describeIt(new Failure('unavailable', 'cannot connect', { cause })),
      /because connect ECONNREFUSED ::1:5672; connect ECONNREFUSED 127.0.0.1:5672/,
    );
  });

  it('ends, even when it is its own cause', () => {
    const failure: Error = new Error('a');
    failure.cause = new Error('b', { cause: failure });
    assert.equal(describeIt(failure), 'error: a\n  because b\n');
  });

  it('has no stack unless it is a bug or details are asked for', () => {
    const failure = new Failure('io', 'a');
    assert.ok(!describeIt(failure).includes('    at '));
    assert.match(describeIt(failure, false, true), /^ {4}at [\s\S]*\nerror: a\n$/);
    assert.match(
      describeIt(new TypeError('x is not a function'), true),
      /^ {4}at [\s\S]*\nbug: x is not a function\n {2}→ this is a bug in rmq[^\n]*report[^\n]*\n$/,
    );
  });

  it('may be anything that can be thrown', () => {
    assert.equal(describeIt('text'), 'error: text\n');
    assert.equal(describeIt(undefined), 'error: unknown error\n');
    assert.equal(describeIt(new TypeError()), 'error: TypeError\n');
  });

  it('never shows a password', () => {
    assert.equal(masked('amqp://guest:s3cret@host:5672/ and amqps://u:p@ss/w:rd@b'), 'amqp://guest:***@host:5672/ and amqps://u:***@b');
    assert.equal(masked('amqp://a:1@x,amqp://b:2@y'), 'amqp://a:***@x,amqp://b:***@y');
    assert.equal(masked('amqp://localhost:5672/'), 'amqp://localhost:5672/');
    assert.ok(!describeIt(new Error('amqp://a:secret@x', { cause: new Error('amqp://b:secret@y') }), true).includes('secret'));
  });

  it('is said even when quiet, and does not reach standard output', async () => {
    const { stdout, stderr } = await perform({
      steps: [{ fail: { kind: 'io', message: 'no luck', hint: 'try again' } }],
      options: { quiet: true, format: 'json' },
    });
    assert.deepEqual([stdout.toString(), stderr], ['', 'error: no luck\n  → try again\n']);
  });

  it('is harmless on a terminal, and red', async () => {
    assert.equal(await onTerminal({ steps: [{ fail: { kind: 'io', message: 'a\x1b[2J' } }] }), '\x1b[31m\x1b[1merror:\x1b[22m\x1b[39m a\\x1b[2J\r\n');
  });

  it('has been said when the output is closed', async () => {
    assert.match(await onTerminal({ steps: [{ fail: { kind: 'io', message: 'the end' } }], end: 'leave' }), /^\x1b\[31m.*the end\r\n$/);
  });

  it('is not lost when the process leaves before the colours are there', async () => {
    assert.equal(await onTerminal({ steps: [{ fail: { kind: 'io', message: 'the end' } }, { exit: 74 }] }), 'error: the end\r\n');
  });
});
