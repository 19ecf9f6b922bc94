// A web service that queues orders, and a consumer beside it that works them off. Both come back by themselves when the
// connection is lost; orders that were answered with "queued" are in the queue, whatever happens next.
import Fastify, { type FastifyInstance } from 'fastify';
import { ConnectionConfig, openPublisher, openSession, WorkConfig, workQueue } from 'rmq';
import { declareAsFound } from './as-found.ts';

export interface OrdersService {
  readonly app: FastifyInstance;
  /** Resolves when the consumer has stopped. */
  readonly worked: Promise<unknown>;
}

export interface Options {
  readonly url: string;
  readonly queue: string;
  readonly dlx: string;
  readonly process: (order: unknown) => Promise<void>;
}

export async function ordersService({ url, queue, dlx, process }: Options): Promise<OrdersService> {
  const stop = new AbortController();
  // Workers and open publishers go on trying for ever when the broker is away.
  const connection = ConnectionConfig.parse({ url: [url], heartbeat: 600_000, name: 'orders-service' });
  const session = openSession(connection, undefined, stop.signal);

  // An order that cannot be processed is dead-lettered after its third attempt.
  const config = WorkConfig.parse({ queue, ...(await declareAsFound(session, queue, dlx)), retries: 2, concurrency: 5 });
  const worked = workQueue(session, config, async ({ body }) => {
    await process(JSON.parse(body.toString()));
    return 'ack';
  });

  const app = Fastify();
  const publisher = await openPublisher(session);
  app.post('/orders', async (request) => {
    await publisher.publish({ routingKey: queue, body: JSON.stringify(request.body), properties: { contentType: 'application/json' } });
    return { status: 'queued' };
  });
  app.addHook('onClose', async () => {
    stop.abort();
    await worked;
    await session.close();
  });
  return { app, worked };
}
