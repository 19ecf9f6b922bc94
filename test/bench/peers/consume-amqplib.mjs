// Bare amqplib: a queue to standard output, a line a message; a batch is acknowledged after it has been written.
import { writeSync } from 'node:fs';
import { connect } from 'amqplib';

const PREFETCH = 1_000;
const BATCH = PREFETCH / 4;
const NEWLINE = Buffer.from('\n');
const [url, queue, count] = process.argv.slice(2);
const wanted = Number(count);
const connection = await connect(url, { noDelay: true });
const channel = await connection.createChannel();
await channel.prefetch(PREFETCH);

const writeAll = (bytes) => {
  for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at);
};

let received = 0;
let batch = [];
await new Promise((resolve) => {
  channel.consume(queue, (message) => {
    if (received === wanted) return;
    received += 1;
    batch.push(message.content, NEWLINE);
    if (received % BATCH !== 0 && received < wanted) return;
    writeAll(Buffer.concat(batch));
    batch = [];
    channel.ack(message, true);
    if (received === wanted) resolve();
  });
});
await channel.close();
await connection.close();
