import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeTransfer, type TransferCounts } from '../../src/model/dead-letter/transfer.ts';

const NONE: TransferCounts = {
  depth: 10,
  seen: 10,
  chosen: 10,
  unsent: 0,
  moved: 10,
  doubled: 0,
  inBoth: 0,
  resent: 0,
  unknown: 0,
  stayed: {},
  copiedBack: 0,
  stranded: 0,
};

test('a summary counts each message once, and says apart which of them have a copy', () => {
  const told = (counts: Partial<TransferCounts>): string => describeTransfer({ ...NONE, ...counts }, 'dead', 'replayed');
  assert.equal(told({}), 'replayed 10 of 10 messages in "dead"');
  assert.equal(
    told({ moved: 2, chosen: 4, stayed: { claimed: 2 }, copiedBack: 6 }),
    'replayed 2 of 10 messages in "dead": 6 not chosen, 2 stay: only their own headers say where they were published to, and any publisher can write those; of those that stay, 6 are now copies at the end of the queue (delivery limit)',
  );
  assert.equal(told({ moved: 7, inBoth: 3 }), 'replayed 7 of 10 messages in "dead": 3 arrived, and may still be here as well: they could not be removed');
  assert.equal(
    told({ doubled: 3, resent: 1 }),
    'replayed 10 of 10 messages in "dead": 3 came again after they had arrived (the connection to this queue was lost), and may be there twice; 1 was sent again over a new connection, and may be there twice',
  );
});
