import type { Tour } from '../tour.ts';

/** Exchanges, queues and bindings as a file that lives in git. */
export async function topologyScene({ queue, exchange, run }: Tour): Promise<void> {
  const [orders, events] = [queue('planned-orders'), exchange('planned-events')];
  const name = orders.replace('.', '-');
  const bindings = `bindings: [{ source: ${events}, destination: ${orders}, routing_key: "order.#" }]`;
  const objects = `exchanges: [{ name: ${events}, type: topic }]\\nqueues: [{ name: ${orders}, type: quorum }]\\n${bindings}`;
  await run(`printf 'name: ${name}\\n${objects}\\n' > shop.yaml`);
  await run('rmq topology plan shop.yaml', 1);
  await run('rmq topology apply shop.yaml');
  await run('rmq topology plan shop.yaml');
  await run(`rmq topic publish ${events} order.eu.placed "planned" --quiet`);
  await run(`rmq topology graph | grep -A 1 ${events}`);
  await run(`rmq consume ${orders} -n 1 --timeout 10s`);
  await run(`printf 'name: ${name}\\n' > shop.yaml`);
  await run('rmq topology apply shop.yaml --prune -y');
  await run(`rmq queue status ${orders}`, 66);
}
