import type { Tour } from '../tour.ts';

/** An event reaches every service, also one that is away when it happens. */
export async function fanoutScene({ exchange, queue, run, check }: Tour): Promise<void> {
  const events = exchange('order.events');
  const services = ['email', 'analytics'];
  for (const service of services) queue(`order.events.${service}`);
  await run(`rmq fanout publish ${events} '{"event":"order.placed"}'`, 67);
  for (const service of services) await run(`rmq fanout subscribe ${events} ${service} --idle 50ms`);
  await run(`rmq fanout publish ${events} --lines < orders.ndjson`);
  const printed = await run(`rmq fanout subscribe ${events} email -n 500`);
  check('the email service has all 500 events', printed.trimEnd().split('\n').length === 500);
  await run(`rmq fanout subscribe ${events} analytics --drain --drop-dead --stream -- node -e '
    require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
      const { id } = JSON.parse(line);
      console.log(JSON.stringify({ id, verdict: "ack" }));
    })'`);
  await run(`rmq fanout subscribe ${events} analytics --expect 0 --idle 100ms`, 0);
}
