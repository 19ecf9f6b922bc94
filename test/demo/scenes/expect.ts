import type { Tour } from '../tour.ts';

/** The exit code says whether exactly as many messages came as were expected. */
export async function expectScene({ queue, run }: Tour): Promise<void> {
  const results = queue('results');
  await run(`rmq queue declare ${results}`);
  await run(`seq 3 | rmq publish -q ${results} --lines --quiet`);
  await run(`rmq consume ${results} --expect 3 --timeout 10s`);
  await run(`rmq publish -q ${results} --quiet "only one"`);
  await run(`rmq consume ${results} --expect 3 --timeout 1s`, 124);
  await run(`seq 5 | rmq publish -q ${results} --lines --quiet`);
  await run(`rmq consume ${results} --expect 3 --timeout 10s`, 1);
  await run(`rmq queue delete -y ${results}`);
}
