import type { Tour } from '../tour.ts';

/** A worker that fails for two reasons, and an operator who comes from the alarm to the empty queue. */
export async function deadLettersScene({ queue, exchange, run, check, say }: Tour): Promise<void> {
  const [orders, dead, dlx] = [queue('orders'), queue('dead'), exchange('dlx')];
  await run(`rmq dlx setup ${orders} --dlx ${dlx} --dead-queue ${dead} --verify`);
  await run(`printf '%s\\n' good-1 bad-1 stock-1 stock-2 good-2 | rmq publish -q ${orders} --lines`);
  say('  A worker that cannot read some orders, and whose stock does not answer for others:');
  const handler = `sh -c 'read o; case $o in bad*) exit 65;; stock*) test -e stock || exit 1;; esac; echo shipped $o'`;
  await run(`rmq work run ${orders} --drain --quiet -- ${handler}`);
  say('  The alarm, and what is behind it:');
  await run(`rmq consume ${dead} --expect 0 --idle 100ms`, 1);
  await run(`rmq dlx inspect ${dead} --group-by reason,header:x-rmq-exit-code`);
  await run(`rmq dlx inspect ${dead} --show 1`);
  say('  The stock answers again: only what died of it goes back, and is shipped now.');
  await run(`rmq dlx replay ${dead} -H x-rmq-exit-code:=1 --dry-run`);
  await run(`rmq dlx replay ${dead} -H x-rmq-exit-code:=1`);
  const shipped = await run(`touch stock && rmq work run ${orders} -n 2 --quiet -- ${handler}`);
  check('both orders were shipped', shipped === 'shipped stock-1\nshipped stock-2\n');
  say('  The rest is kept in files, and removed:');
  await run(`rmq dlx purge ${dead} --export-to incident --yes`);
  await run(`rmq consume ${dead} --expect 0 --idle 100ms`);
  await run(`rmq dlx import incident`);
  const letter = JSON.parse(await run(`rmq dlx inspect ${dead} -o json`));
  check('the files brought it back, and it still knows where it died', letter.body === 'bad-1' && letter.death.first.queue === orders);
  await run(`rmq queue delete -y ${orders} && rmq queue delete -y ${dead}`);
}
