// The main job on real input, told as a walk through the built command: order messages go through a real RabbitMQ and
// come back, counted and compared. Ends with 1 and says why as soon as something is not as it must be.
import { deadLettersScene } from './scenes/dead-letters.ts';
import { envelopesScene } from './scenes/envelopes.ts';
import { expectScene } from './scenes/expect.ts';
import { fanoutScene } from './scenes/fanout.ts';
import { ordersScene } from './scenes/orders.ts';
import { quorumScene } from './scenes/quorum.ts';
import { rpcScene } from './scenes/rpc.ts';
import { streamScene } from './scenes/stream.ts';
import { topicScene } from './scenes/topic.ts';
import { topologyScene } from './scenes/topology.ts';
import { unroutableScene } from './scenes/unroutable.ts';
import { workScene } from './scenes/work.ts';
import { Mismatch, startTour, type Tour } from './tour.ts';

const SCENES: readonly (readonly [title: string, scene: (tour: Tour) => Promise<void>])[] = [
  ['Orders through a queue and back', ordersScene],
  ['A queue copied by a pipe, with all that belongs to its messages', envelopesScene],
  ['A message that no queue takes is an error', unroutableScene],
  ['Expectations, for scripts and smoke tests', expectScene],
  ['A quorum queue', quorumScene],
  ['A stream, read more than once', streamScene],
  ['A work queue, and a task that fails', workScene],
  ['Dead letters: from the alarm to the empty queue', deadLettersScene],
  ['Fanout: every service gets every event', fanoutScene],
  ['Topics: routing by the words of a key', topicScene],
  ['RPC: requests and replies', rpcScene],
  ['A topology as a file', topologyScene],
];

const started = performance.now();
const tour = startTour();
try {
  for (const [index, [title, scene]] of SCENES.entries()) {
    tour.say(`${index === 0 ? '' : '\n'}── ${index + 1}. ${title}`);
    await scene(tour);
  }
  tour.say(`\nAll ${SCENES.length} scenes went as they must, in ${((performance.now() - started) / 1_000).toFixed(1)} s.`);
} catch (error) {
  if (!(error instanceof Mismatch)) throw error;
  process.stderr.write(`\nThe demo failed: ${error.message}.\n`);
  process.exitCode = 1;
} finally {
  await tour.close();
}
