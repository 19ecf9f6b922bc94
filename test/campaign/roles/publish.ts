import type { PublishCounts } from '../../../src/model/event.ts';
import type { Findings } from '../fault.ts';
import { type Act, bodyOf, emptied, idsOf, repeated, type Stage, summaryOf, untilDepth, warned } from '../stage.ts';

/** `rmq publish --lines`: what is confirmed is in the queue. */
export async function publish(stage: Stage): Promise<Act> {
  const { messages, peer, type, url } = stage;
  const queue = await peer.queue({ arguments: { 'x-queue-type': type } }, 'campaign');
  const bodies = idsOf(messages).map(bodyOf);
  return {
    argv: ['publish', '-q', queue, '--lines', '--json', '--confirm-timeout', '4s'],
    input: bodies.join('\n'),
    bytes: messages * 150,
    begun: (run) => untilDepth(stage, run, queue, 1),
    judge: async (ended, { stdout, end, stopped = false }): Promise<Findings> => {
      const counts = summaryOf<PublishCounts>(ended.stdout);
      const untrue: string[] = [];
      const wrong: string[] = [];
      const { published = 0, confirmed = 0, returned = 0, nacked = 0, unknown = 0 } = counts ?? {};
      const promised = ended.code === 0 && end ? messages : confirmed;
      const found = await emptied(url, queue, (all) => new Set(all).size >= promised);
      const distinct = new Set(found);
      if (stdout && end && counts === undefined && ended.code !== 69 && ended.code < 128) untrue.push('no summary');
      if (published !== confirmed + returned + nacked + unknown) untrue.push(`published ${JSON.stringify(counts)}`);
      if (returned > 0) untrue.push(`${returned} returned, although there is a queue`);
      if (distinct.size > confirmed + unknown && stdout && end && counts !== undefined) untrue.push(`${distinct.size} arrived: ${JSON.stringify(counts)}`);
      const sent = new Set(bodies);
      for (const body of distinct) if (!sent.has(body)) untrue.push(`nobody sent ${JSON.stringify(body.slice(0, 40))}`);
      if (end && ended.code === 0 && stdout && confirmed !== messages) wrong.push(`exit 0 with ${JSON.stringify(counts)}`);
      if (end && !stopped && ended.code !== 0 && stdout && confirmed === messages) wrong.push(`exit ${ended.code} with all confirmed`);
      const twice = repeated(found);
      const isTold = !end || warned(ended);
      return { lost: Math.max(0, promised - distinct.size), told: isTold ? twice : 0, untold: isTold ? 0 : twice, untrue, wrong };
    },
  };
}
