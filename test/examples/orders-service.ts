// A web service that queues orders, a worker beside it that works them off, and a subscriber that counts what was done. All of them come back by
// themselves when the connection is lost; an order that was answered with "queued" is in the queue, whatever happens next.
import Fastify, { type FastifyInstance } from 'fastify';
import { declareExchange, Failure, openPublisher, openSession, queueStatus, type SessionEvent, subscribeFanout, workQueue } from 'rmq';
import { declareAsFound } from './as-found.ts';

export interface Options {
  readonly url: string;
  readonly queue: string;
  readonly dlx: string;
  readonly exchange: string;
  readonly process: (order: unknown, signal: AbortSignal) => Promise<void>;
  readonly log?: (event: SessionEvent) => void;
}

export async function ordersService({ url, queue, dlx, exchange, process, log = () => undefined }: Options): Promise<FastifyInstance> {
  const session = openSession({ url, name: 'orders-service', heartbeat: 10_000, onEvent: log });
  const app = Fastify();
  // Workers drain first, then publishers wait for their confirms.
  app.addHook('onClose', () => session.close());

  await declareExchange(session, { exchange, type: 'fanout' });
  const publisher = await openPublisher(session, { timeout: 5_000 });

  // An order that cannot be processed is dead-lettered after its third attempt.
  const dead = await declareAsFound(session, queue, dlx);
  const worker = workQueue(session, { queue, ...dead, retries: 2, concurrency: 5, grace: 10_000 }, async ({ body, properties }, { signal }) => {
    const order: unknown = JSON.parse(body.toString());
    await process(order, signal);
    // Everybody who wants to know is told; nobody has to be there.
    await publisher.publish({ exchange, routingKey: '', body, properties: { messageId: `${properties.messageId}-done` } }).catch(unless('unroutable'));
  });
  const done = new Set<string | undefined>();
  const counter = subscribeFanout(session, { exchange, service: 'counter' }, async ({ properties }) => {
    // A message may come twice.
    done.add(properties.messageId);
  });
  await Promise.all([worker.ready, counter.ready]);

  app.post('/orders', async (request, reply) => {
    try {
      await publisher.publish({ routingKey: queue, body: JSON.stringify(request.body), properties: { contentType: 'application/json' } });
      return { status: 'queued' };
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      // `unavailable`: the order may be in the queue all the same. With any other kind, it is not.
      return reply.code(503).send({ status: error.kind === 'unavailable' ? 'unknown' : 'not queued', reason: error.message });
    }
  });
  app.get('/health', async (_, reply) => {
    const connections = session.status();
    const fine = connections.every(({ state, blocked }) => state === 'connected' && !blocked);
    return reply.code(fine ? 200 : 503).send(connections.map(({ role, queue: of, state, attempt }) => ({ role, queue: of, state, attempt })));
  });
  app.get('/stats', async () => ({ done: done.size, waiting: (await queueStatus(session, { queue }, { signal: AbortSignal.timeout(2_000) })).messages }));
  return app;
}

const unless =
  (kind: Failure['kind']) =>
  (error: unknown): void => {
    if (!(error instanceof Failure && error.kind === kind)) throw error;
  };
