// Bare amqplib: lines of standard input to a queue, or an exchange, persistent, with a sliding window of confirms.
import { connect } from 'amqplib';

const WINDOW = 2_000;
const [url, key, exchange = ''] = process.argv.slice(2);
const connection = await connect(url, { noDelay: true });
const channel = await connection.createConfirmChannel();
let unconfirmed = 0;
let wake = () => {};

const onConfirm = (error) => {
  if (error) throw error;
  unconfirmed -= 1;
  if (unconfirmed < WINDOW) wake();
};

const publish = (body) => {
  unconfirmed += 1;
  channel.publish(exchange, key, body, { persistent: true, mandatory: true }, onConfirm);
};

let rest = Buffer.alloc(0);
for await (const chunk of process.stdin) {
  const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
  let start = 0;
  for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
    publish(bytes.subarray(start, end));
    start = end + 1;
    while (unconfirmed >= WINDOW) {
      await new Promise((resolve) => {
        wake = resolve;
      });
    }
  }
  rest = bytes.subarray(start);
}
if (rest.length > 0) publish(rest);
await channel.waitForConfirms();
await channel.close();
await connection.close();
