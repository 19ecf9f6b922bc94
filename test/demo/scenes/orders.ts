import type { Tour } from '../tour.ts';

/** The main job: a file of orders is published, a message a line, and consumed back byte for byte. */
export async function ordersScene({ queue, run, check, bytes, say }: Tour): Promise<void> {
  const orders = queue('orders');
  await run('wc -l orders.ndjson');
  await run(`rmq queue declare ${orders}`);
  const summary = JSON.parse(await run(`rmq publish -q ${orders} --lines --json < orders.ndjson`));
  check('the broker has confirmed all 500 orders', summary.published === 500 && summary.confirmed === 500);
  say('  Looking at two of them takes none away:');
  await run(`rmq consume ${orders} -n 2 --requeue`);
  await run(`rmq consume ${orders} --drain > received.ndjson`);
  check('what came back is what was sent, byte for byte', bytes('received.ndjson').equals(bytes('orders.ndjson')));
  await run(`rmq queue delete -y ${orders} --if-empty`);
}
