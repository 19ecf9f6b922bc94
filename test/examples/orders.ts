// npm run example:orders: the service of orders-service.ts on a port of this machine, with the broker of RABBITMQ_URL.
import { ordersService } from './orders-service.ts';

const say = (text: string): void => void process.stdout.write(`${text}\n`);

const app = await ordersService({
  url: process.env['RABBITMQ_URL'] ?? 'amqp://localhost',
  queue: 'orders',
  dlx: 'dlx',
  exchange: 'orders.done',
  process: async (order) => say(`processing order: ${JSON.stringify(order)}`),
});
const address = await app.listen({ port: Number(process.env['PORT'] ?? 3000) });
say(`try: curl ${address}/orders -H 'content-type: application/json' -d '{"id": 1}'`);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void app.close());
