import type { Tour } from '../tour.ts';

/** An exchange drops what no queue is bound for; publishing to it says so. */
export async function unroutableScene({ run, say }: Tour): Promise<void> {
  await run('rmq publish -e amq.direct -r nobody.listens "is anybody there?"', 67);
  say('  Unless that is wanted:');
  await run('rmq publish -e amq.direct -r nobody.listens --allow-unroutable "is anybody there?"');
}
