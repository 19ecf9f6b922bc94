import { setTimeout as delay } from 'node:timers/promises';
import type { Broker, BrokerNode } from '../../../src/broker/broker.ts';
import { untilKept } from '../../support/own-broker.ts';
import type { Fault, Findings, RoleName, Round } from '../fault.ts';
import { ownCluster, ownNode } from '../nodes.ts';
import { passing } from '../passing.ts';
import { ALL_SEEN } from '../stage.ts';

const SOON = 1_000;
/** Slow enough for a node to go in the middle. */
const RATE = 400_000;
/** Those whose other side is no client of the node that goes. */
const ROLES: readonly RoleName[] = ['publish', 'consume', 'work', 'inspect', 'replay', 'export'];
/** A node boots for a while. */
const MOST = 180_000;

interface Place {
  readonly broker: Broker;
  /** The node that goes, the one that the run talks to, and the one where its messages are prepared. */
  readonly goes: BrokerNode;
  readonly to: BrokerNode;
  readonly from: BrokerNode;
}

async function gone(round: Round, { broker, goes, to, from }: Place, end: 'kill' | 'shutdown'): Promise<Findings> {
  return passing(
    round,
    from.url,
    async ({ random }) => {
      await goes[end]();
      await delay(random(SOON));
      await goes.restart();
      return ALL_SEEN;
    },
    {
      to: to.url,
      rate: RATE,
      reconnects: 1_000,
      options: { env: { RABBITMQ_MANAGEMENT_URL: broker.managementUrl } },
      ready: () => untilKept(broker),
      stage: { forgets: true },
    },
  );
}

const going = (name: string, end: 'kill' | 'shutdown', place: () => Promise<Place>): Fault => ({
  name,
  group: 'brokers',
  roles: ROLES,
  alone: true,
  bound: MOST,
  round: async (round) => gone(round, await place(), end),
});

async function single(): Promise<Place> {
  const broker = await ownNode();
  const [node] = broker.nodes;
  return { broker, goes: node, to: node, from: node };
}

/** The queue is on the node that goes, and the run talks to the other one. */
async function pair(): Promise<Place> {
  const broker = await ownCluster();
  const [first, second] = broker.nodes;
  if (second === undefined) throw new Error('the cluster has one node');
  return { broker, goes: second, to: first, from: second };
}

export const brokers: readonly Fault[] = [
  going('the broker is killed', 'kill', single),
  going('the broker is stopped', 'shutdown', single),
  going('the node of the queue is killed', 'kill', pair),
  going('the node of the queue is stopped', 'shutdown', pair),
];
