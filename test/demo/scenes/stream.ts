import type { Tour } from '../tour.ts';

/** A stream keeps what was read: each reader begins where it wants to. */
export async function streamScene({ queue, run, check, bytes }: Tour): Promise<void> {
  const log = queue('orders.log');
  await run(`rmq queue declare ${log} --queue-type stream`);
  await run(`rmq publish -q ${log} --lines < orders.ndjson`);
  await run(`rmq consume ${log} --offset first -n 500 > first.ndjson`);
  await run(`rmq consume ${log} --offset first -n 500 > second.ndjson`);
  const all = bytes('orders.ndjson');
  check('both readers have all 500 orders, byte for byte', bytes('first.ndjson').equals(all) && bytes('second.ndjson').equals(all));
  const last = await run(`rmq consume ${log} --offset 497 -n 3`);
  check('the third one has the last three', all.toString().endsWith(`\n${last}`) && last.split('\n').length === 4);
  await run(`rmq queue delete -y ${log}`);
}
