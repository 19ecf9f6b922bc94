import { join } from 'node:path';
import { brokerUrl } from '../../support/broker.ts';
import { CLEAN, type Fault, type Findings, type Round } from '../fault.ts';
import { idsIn, killReplay } from '../kills.ts';
import { filled, idsOf, stageOf } from '../stage.ts';

const KILLS = 5;
const WITHIN = 60;

/** A replay over many messages that is killed again and again, and finished in the end. */
async function killed(round: Round): Promise<Findings> {
  const stage = await stageOf(round, brokerUrl());
  const { peer, url } = stage;
  const ids = idsOf(5 * round.messages);
  const source = await filled(stage, ids, 'dead');
  const target = await filled(stage, [], 'target');
  const journal = join(round.directory, 'journal');
  const seen = await killReplay(ids, { url, source, target, journal, kills: KILLS, within: WITHIN, random: round.random });
  const last = await round.start(['dlx', 'replay', source, '--to-queue', target, '--journal', journal, '-u', url]).ended;
  const arrived = await idsIn(url, target);
  const untrue = seen.flatMap(({ gone, unjournaled }, kill) => [
    ...(gone > 0 ? [`${gone} were gone after kill ${kill + 1}`] : []),
    ...(unjournaled > 0 ? [`${unjournaled} left the source without a line in the journal, kill ${kill + 1}`] : []),
  ]);
  const wrong = last.code === 0 && (await peer.depth(source)) === 0 ? [] : [`the last run ended with ${last.code}`];
  return {
    ...CLEAN,
    lost: ids.filter((id) => !arrived.has(id)).length,
    told: (await peer.depth(target)) - arrived.size,
    untrue,
    wrong,
    struck: seen.some(({ inSource, inTarget }) => inSource > 0 && inTarget > 0),
  };
}

export const kills: readonly Fault[] = [{ name: 'killed again and again', group: 'kills', roles: ['replay'], round: killed }];
