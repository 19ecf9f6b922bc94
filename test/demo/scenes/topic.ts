import type { Tour } from '../tour.ts';

/** Keys of several words, and patterns for them. */
export async function topicScene({ exchange, queue, run, check }: Tour): Promise<void> {
  const events = exchange('events.topic');
  const [all, europe, placed] = [queue('all-orders'), queue('europe-orders'), queue('placed-orders')];
  await run(`rmq topic subscribe ${events} 'order.#' --queue ${all} --idle 50ms`);
  await run(`rmq topic subscribe ${events} 'order.europe.*' --queue ${europe} --idle 50ms`);
  await run(`rmq topic subscribe ${events} '*.*.placed' --queue ${placed} --idle 50ms`);
  for (const key of ['order.europe.placed', 'order.asia.cancelled', 'order.asia.placed']) await run(`rmq topic publish ${events} ${key} "${key}"`);
  await run(`rmq topic publish ${events} invoice.paid "nobody asked for it"`, 67);
  const printed = async (queueName: string): Promise<string> => run(`rmq consume ${queueName} --drain`);
  check(
    'each queue has what its pattern matches',
    (await printed(all)) === 'order.europe.placed\norder.asia.cancelled\norder.asia.placed\n' &&
      (await printed(europe)) === 'order.europe.placed\n' &&
      (await printed(placed)) === 'order.europe.placed\norder.asia.placed\n',
  );
  await run(`rmq topic match --explain 'order.europe.*' order.asia.placed`, 1);
}
