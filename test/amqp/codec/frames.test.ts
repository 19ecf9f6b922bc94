import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { writeMessage } from '../../../src/amqp/codec/frames.ts';
import type { Message } from '../../../src/model/message/message.ts';

const framing = { channel: 1, frameMax: 4_096, mandatory: true };
const good: Message = { exchange: '', routingKey: 'queue', properties: { messageId: 'good' }, body: Buffer.alloc(10_000, 'x') };

test('of a message that cannot be written, nothing stays in the buffer, wherever the writing failed', () => {
  const wrong = fc.oneof(
    fc.anything().map((body) => ({ body })),
    fc.anything({ withBigInt: true }).map((properties) => ({ properties })),
    fc.anything({ withBigInt: true }).map((value) => ({ properties: { headers: { value } } })),
    fc.anything().map((routingKey) => ({ routingKey })),
    fc.constantFrom<object>({ body: new Uint8Array(5_000) }, { body: 'text' }, { body: { length: 5_000, copy: () => assert.fail('copied') } }),
  );
  fc.assert(
    fc.property(wrong, (part) => {
      const to = { bytes: Buffer.alloc(64), length: 0 };
      writeMessage(to, good, framing);
      const before = to.length;
      const kept = Buffer.from(to.bytes.subarray(0, before));
      try {
        writeMessage(to, { ...good, ...(part as Partial<Message>) }, framing);
      } catch {
        assert.equal(to.length, before);
      }
      assert.ok(kept.equals(to.bytes.subarray(0, before)));
    }),
    { examples: [[{ body: new Uint8Array(5_000) }], [{ body: { length: 5_000, copy: () => assert.fail('copied') } }]] },
  );
});
