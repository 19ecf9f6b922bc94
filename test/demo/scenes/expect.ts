import type { Tour } from '../tour.ts';

/** The exit code says whether exactly those messages came that were expected. */
export async function expectScene({ queue, run }: Tour): Promise<void> {
  const results = queue('results');
  await run(`rmq queue declare ${results}`);
  await run(`seq 3 | rmq publish -q ${results} --lines --quiet`);
  await run(`rmq consume ${results} --expect 3 --timeout 10s`);
  await run(`printf '{"bodyJson":{"id":2}}\\n{"bodyJson":{"id":1}}\\n' > want.ndjson`);
  await run(`rmq publish -q ${results} --quiet '{"id":1,"total":5}' && rmq publish -q ${results} --quiet '{"id":2}'`);
  await run(`rmq wait --queue ${results} --messages 2`);
  await run(`rmq consume ${results} --expect-file want.ndjson --timeout 10s`);
  await run(`rmq publish -q ${results} --quiet "only one"`);
  await run(`rmq consume ${results} --expect 3 --timeout 1s`, 124);
  await run(`seq 5 | rmq publish -q ${results} --lines --quiet`);
  await run(`rmq consume ${results} --expect 3 --timeout 10s`, 1);
  await run(`rmq queue delete -y ${results}`);
}
