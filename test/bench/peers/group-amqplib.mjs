// Bare amqplib: reads a queue to its end without acknowledging, counts by the reason of the newest death, and closes, so
// that the broker puts everything back.
import { connect } from 'amqplib';

/** More than any queue of the bench; a channel may hold so many. */
const PREFETCH = 65_535;
const [url, queue, count] = process.argv.slice(2);
const wanted = Number(count);
const connection = await connect(url, { noDelay: true });
const counts = new Map();
let received = 0;
// A channel holds 65,535 messages at most: more of them need another one, and the first one must not be filled once more.
while (received < wanted) {
  const channel = await connection.createChannel();
  const size = Math.min(PREFETCH, wanted - received);
  await channel.prefetch(size);
  let here = 0;
  let consumer;
  await new Promise((resolve) => {
    consumer = channel.consume(queue, (message) => {
      const reason = message.properties.headers?.['x-death']?.[0]?.reason;
      counts.set(reason, (counts.get(reason) ?? 0) + 1);
      if (++here === size) resolve();
    });
  });
  await channel.cancel((await consumer).consumerTag);
  received += here;
}
for (const [reason, number] of counts) process.stdout.write(`${number} ${reason}\n`);
await connection.close();
