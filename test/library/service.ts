// A service as a process of its own: publishes numbers while it works them off, and ends by itself once SIGTERM has stopped it.
import { openPublisher, openSession, workQueue } from 'rmq';

const [url = '', queue = '', total = '0'] = process.argv.slice(2);
const tell = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

const session = openSession({ url, onEvent: ({ kind }) => kind === 'disconnected' && tell({ kind }) });
const seen = new Set<string>();
const worker = workQueue(session, { queue, dropDead: true, concurrency: 50 }, async ({ body }) => {
  seen.add(body.toString());
  if (seen.size % 1_000 === 0 || seen.size === Number(total)) tell({ seen: seen.size });
});
await worker.ready;
const publisher = await openPublisher(session);
const publish = async (number: string): Promise<void> => {
  await publisher.publish({ routingKey: queue, body: number });
};

process.once('SIGTERM', async () => {
  tell({ stopping: session.status().map(({ state }) => state) });
  await session.close();
  tell({ counts: await worker.done, seen: seen.size, status: session.status() });
});
process.on('SIGUSR2', () => tell({ status: session.status() }));
for (let number = 0; number < Number(total); number += 500) {
  await Promise.all(Array.from({ length: 500 }, (_, index) => publish(String(number + index))));
  tell({ published: number + 500 });
}
