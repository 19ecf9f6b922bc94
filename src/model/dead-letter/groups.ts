import { plainHeaders } from '../message/field-json.ts';
import type { Delivery } from '../message/message.ts';
import { whyOf } from './attempt.ts';
import { deathHistory } from './death.ts';
import type { JudgedOrigin } from './origin.ts';

/** What dead letters can be grouped by; `header:NAME` is one more. */
export const GROUP_KEYS = ['reason', 'queue', 'exchange', 'routingKey', 'type', 'why'] as const;
export type GroupKey = (typeof GROUP_KEYS)[number] | `header:${string}`;

/** Dead letters that have something in common. */
export interface DeathGroup {
  /** The values of the keys, in order; undefined where a message has none. */
  readonly values: readonly (string | undefined)[];
  /** True where only the messages themselves claim that they came from this exchange or with this key. */
  readonly claimed: boolean;
  count: number;
  /** The newest deaths of its oldest and its newest message, in seconds since 1970. */
  oldest: number | undefined;
  newest: number | undefined;
}

/** Further groups are only counted: grouping a million messages by their id must not fill the memory. */
const MOST_GROUPS = 10_000;

/** Counts dead letters by what they have in common: `queue` and `reason` of the newest death, `why` as a worker gave it, `exchange` and `routingKey` of the origin. */
export class DeathGroups {
  readonly #keys: readonly GroupKey[];
  readonly #groups = new Map<string, DeathGroup>();
  /** Messages of further groups. */
  ungrouped = 0;

  constructor(keys: readonly GroupKey[]) {
    this.#keys = keys;
  }

  add(delivery: Delivery, origin?: JudgedOrigin): void {
    const { deaths, first } = deathHistory(delivery.properties.headers);
    const [newest] = deaths;
    const values = this.#keys.map((key): string | undefined => {
      if (key === 'reason' || key === 'queue') return newest?.[key];
      if (key === 'why') return whyOf(delivery.properties);
      if (key === 'exchange') return origin?.address.exchange ?? first?.exchange ?? delivery.exchange;
      if (key === 'routingKey') return origin?.address.routingKey ?? first?.routingKeys[0] ?? delivery.routingKey;
      return key === 'type' ? delivery.properties.type : headerOf(delivery, key.slice('header:'.length));
    });
    const claimed = origin?.claimed === true;
    const one = values.length === 1 && !claimed;
    const id = one ? `${values[0] === undefined ? '' : `=${values[0]}`}` : JSON.stringify([values, claimed]);
    let group = this.#groups.get(id);
    if (group === undefined) {
      if (this.#groups.size >= MOST_GROUPS) {
        this.ungrouped++;
        return;
      }
      group = { values, claimed, count: 0, oldest: undefined, newest: undefined };
      this.#groups.set(id, group);
    }
    group.count++;
    const time = newest?.time;
    if (time === undefined) return;
    if (group.oldest === undefined || time < group.oldest) group.oldest = time;
    if (group.newest === undefined || time > group.newest) group.newest = time;
  }

  /** The largest first. */
  get sorted(): readonly DeathGroup[] {
    return [...this.#groups.values()].sort((a, b) => b.count - a.count);
  }
}

function headerOf({ properties: { headers = {} } }: Delivery, name: string): string | undefined {
  const field = Object.hasOwn(headers, name) ? headers[name] : undefined;
  if (field === undefined) return undefined;
  const { value } = plainHeaders({ value: field });
  return typeof value === 'string' ? value : JSON.stringify(value);
}
