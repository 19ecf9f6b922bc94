import type { Tour } from '../tour.ts';

/** The same job on a replicated queue. */
export async function quorumScene({ queue, run, check, bytes }: Tour): Promise<void> {
  const orders = queue('orders.quorum');
  await run(`rmq queue declare ${orders} --queue-type quorum`);
  await run(`rmq publish -q ${orders} --lines < orders.ndjson`);
  await run(`rmq consume ${orders} -n 500 > quorum.ndjson`);
  check('all 500 orders came back, byte for byte', bytes('quorum.ndjson').equals(bytes('orders.ndjson')));
  await run(`rmq queue delete -y ${orders}`);
}
