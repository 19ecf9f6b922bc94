import type { Tour } from '../tour.ts';

/** Orders are processed by a program; one that fails is tried again later, and dead-lettered with the reason in the end. */
export async function workScene({ queue, run, check, bytes, say }: Tour): Promise<void> {
  const [tasks, dead] = [queue('tasks'), queue('tasks.dead')];
  const pauses = [100, 200].map((pause) => queue(`tasks.retry.${pause}`));
  await run(`head -n 20 orders.ndjson | rmq work publish ${tasks} --lines --dlx '' --dlx-routing-key ${dead}`);
  say('  Two workers at a time; the task is on standard input:');
  const handled = await run(`rmq work run ${tasks} --concurrency 2 --drain -- awk 1`);
  const sent = bytes('orders.ndjson').toString().split('\n').slice(0, 20);
  check('each of the 20 orders was handled once', sorted(handled.trimEnd().split('\n')) === sorted(sent));
  say('  A handler that fails, three attempts:');
  await run(`rmq work publish ${tasks} "an order nobody can handle"`);
  const handler = `sh -c 'echo "attempt $RMQ_ATTEMPT: no such customer" >&2; exit 3'`;
  await run(`rmq work run ${tasks} -n 3 --retries 2 --backoff 100ms..200ms -- ${handler}`);
  const letter = JSON.parse(await run(`rmq consume ${dead} -n 1 -o json`));
  const { headers } = letter.properties;
  check(
    'the dead letter says why, how often, and where it came from',
    headers['x-rmq-reason'] === 'exit code 3' &&
      headers['x-rmq-attempt'] === 3 &&
      headers['x-rmq-stderr'] === 'attempt 3: no such customer' &&
      headers['x-death'][0].queue === tasks,
  );
  await run(
    `rmq queue delete -y ${tasks} --if-empty && rmq queue delete -y ${dead} --if-empty && rmq queue delete -y ${pauses[0]} && rmq queue delete -y ${pauses[1]}`,
  );
}

function sorted(lines: readonly string[]): string {
  return lines.toSorted().join('\n');
}
