import type { Tour } from '../tour.ts';

/** Envelopes carry properties, typed headers and bytes that are no text from one queue to another. */
export async function envelopesScene({ queue, run, check, bytes }: Tour): Promise<void> {
  const [source, copy] = [queue('source'), queue('copy')];
  await run(`rmq queue declare ${source} && rmq queue declare ${copy}`);
  const headers = `-H tenant=café -H attempt:=3 -H rate:=0.25 -H vip:=true -H 'route:=["web","東京"]'`;
  await run(`head -n 100 orders.ndjson | rmq publish -q ${source} --lines --content-type application/json --app-id shop ${headers}`);
  await run(`printf '\\377\\000\\376 no text' | rmq publish -q ${source} --type binary --priority 4`);
  await run(`rmq consume ${source} -o json --requeue > before.ndjson`);
  await run('head -n 1 before.ndjson');
  await run(`rmq consume ${source} -o json --drain | rmq publish --envelopes -q ${copy}`);
  await run(`rmq consume ${copy} -o json --drain > after.ndjson`);
  const [before, after] = [messages(bytes('before.ndjson')), messages(bytes('after.ndjson'))];
  check('101 messages are in the copy', after.length === 101);
  check(
    'each has the same properties, headers and body as its original',
    after.every((message, index) => message === before[index]),
  );
  await run(`rmq queue delete -y ${source} --if-empty && rmq queue delete -y ${copy} --if-empty`);
}

/** The messages of envelopes, without what depends on the queue they were taken from. */
function messages(envelopes: Buffer): string[] {
  const lines = envelopes.toString().trimEnd().split('\n');
  return lines.map((line) => JSON.stringify({ ...JSON.parse(line), queue: '', routingKey: '', redelivered: false }));
}
