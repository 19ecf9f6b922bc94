import { matches, type Part } from './partial.ts';

type Scalar = string | number | bigint | boolean | null;

/** Lines that expect the same. */
export interface Expected {
  readonly view: Part;
  /** From 1. */
  readonly lines: number[];
}

/** The expectations that a message satisfies; messages that satisfy the same ones share it. */
export interface Group {
  readonly satisfied: readonly number[];
  /** How many messages are assigned to each, where there is a choice. */
  readonly assigned: Map<number, number>;
}

const NO_CHOICE = new Map<number, number>();

/** A place in an envelope: how many expectations have each scalar there, and which are found by it. */
interface Place {
  readonly children: Map<string, Place>;
  readonly counts: Map<Scalar, number>;
  readonly found: Map<Scalar, number[] | Index>;
}

/** More than these share a scalar: another one tells them apart. */
const FEW = 8;
const newPlace = (): Place => ({ children: new Map(), counts: new Map(), found: new Map() });

/** Finds the expectations that a message may satisfy, by one scalar of each that few others have. */
class Index {
  readonly #always: number[] = [];
  readonly #root = newPlace();

  constructor(views: readonly Part[], some: readonly number[]) {
    // The scalars of all views, one after the other.
    const places: Place[] = [];
    const values: Scalar[] = [];
    const ends = some.map((at) => {
      walk(this.#root, views[at], (place, value) => {
        place.counts.set(value, (place.counts.get(value) ?? 0) + 1);
        places.push(place);
        values.push(value);
      });
      return places.length;
    });
    const used = new Set<Place>();
    let next = 0;
    for (const [index, at] of some.entries()) {
      let least = some.length;
      let found = -1;
      for (const end = ends[index] as number; next < end; next++) {
        const count = places[next]?.counts.get(values[next] as Scalar) ?? 0;
        if (count < least) [least, found] = [count, next];
      }
      // What all of them have tells none apart.
      if (found < 0) this.#always.push(at);
      else addTo(places[found] as Place, values[found] as Scalar, at, used);
    }
    for (const { found } of used) {
      for (const [value, inside] of found) if (Array.isArray(inside) && inside.length > FEW) found.set(value, new Index(views, inside));
    }
    prune(this.#root);
  }

  find(view: Part, found: number[] = []): number[] {
    found.push(...this.#always);
    this.#find(this.#root, view, view, found);
    return found;
  }

  #find(place: Place, value: unknown, view: Part, found: number[]): void {
    if (typeof value !== 'object' || value === null) {
      const inside = place.found.get(value as Scalar);
      if (inside instanceof Index) inside.find(view, found);
      else if (inside !== undefined) found.push(...inside);
      return;
    }
    const keys = place.children.size > FEW ? Object.keys(value) : place.children.keys();
    for (const key of keys) {
      const child = place.children.get(key);
      if (child !== undefined && Object.hasOwn(value, key)) this.#find(child, (value as Part)[key], view, found);
    }
  }
}

/** Visits the scalars of an expectation; places are made where there are none. */
function walk(place: Place, value: unknown, visit: (place: Place, value: Scalar) => unknown): void {
  if (typeof value !== 'object' || value === null) {
    visit(place, value as Scalar);
    return;
  }
  for (const key of Object.keys(value)) {
    let child = place.children.get(key);
    if (child === undefined) {
      child = newPlace();
      place.children.set(key, child);
    }
    walk(child, (value as Part)[key], visit);
  }
}

function addTo(place: Place, value: Scalar, at: number, used: Set<Place>): void {
  const inside = place.found.get(value);
  if (Array.isArray(inside)) inside.push(at);
  else place.found.set(value, [at]);
  used.add(place);
}

/** Counts are needed once, and only the way to what is found; false where nothing is. */
function prune({ counts, children, found }: Place): boolean {
  counts.clear();
  for (const [key, child] of children) if (!prune(child)) children.delete(key);
  return children.size > 0 || found.size > 0;
}

/** The expectations of a file, and which of them messages satisfy. */
export class ExpectedMessages {
  readonly all: readonly Expected[];
  /** The parts of a message that are looked at. */
  readonly keys: ReadonlySet<string>;
  readonly #index: Index;
  readonly #groups = new Map<string | number, Group>();

  constructor(all: readonly Expected[]) {
    this.all = all;
    this.keys = new Set(all.flatMap(({ view }) => Object.keys(view)));
    this.#index = new Index(
      all.map(({ view }) => view),
      [...all.keys()],
    );
  }

  groupOf(view: Part): Group {
    const satisfied = this.#index.find(view).filter((at) => matches(this.all[at]?.view, view));
    const key = satisfied.length === 1 ? (satisfied[0] as number) : satisfied.join();
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    const group = { satisfied, assigned: satisfied.length > 1 ? new Map() : NO_CHOICE };
    this.#groups.set(key, group);
    return group;
  }

  /** Assigns messages to lines, so that as many as possible have one; returns how many lines of each expectation have none, and the messages of each group that have none. */
  assign(groups: Iterable<Group>): { readonly missing: readonly number[]; readonly surplus: ReadonlyMap<Group, number> } {
    const counts = new Map<Group, number>();
    for (const group of groups) counts.set(group, (counts.get(group) ?? 0) + 1);
    const free = this.all.map(({ lines }) => lines.length);
    const holders = new Map<number, Set<Group>>();
    const closed = new Set<number>();
    const surplus = new Map<Group, number>();
    const give = (group: Group, at: number, count: number): void => {
      // What only one line expects is never moved to another one.
      if (group.satisfied.length === 1) return;
      group.assigned.set(at, (group.assigned.get(at) ?? 0) + count);
      holders.set(at, (holders.get(at) ?? new Set()).add(group));
    };
    for (const [group, count] of counts) {
      group.assigned.clear();
      let left = count;
      for (const at of group.satisfied) {
        const taken = Math.min(left, free[at] as number);
        if (taken === 0) continue;
        give(group, at, taken);
        (free[at] as number) -= taken;
        left -= taken;
      }
      for (; left > 0; left--) {
        if (!makeRoom(group, free, holders, closed, give)) break;
      }
      if (left > 0) surplus.set(group, left);
    }
    return { missing: free, surplus };
  }
}

/**
 * Finds a line for one more message of the group by moving others to lines that they satisfy too: the shortest way of moves to a free line. Where there is none,
 * what was searched is full for good, and is not searched again.
 */
function makeRoom(
  group: Group,
  free: number[],
  holders: ReadonlyMap<number, Set<Group>>,
  closed: Set<number>,
  give: (group: Group, at: number, count: number) => void,
): boolean {
  const wantedBy = new Map<number, Group>();
  const heldAt = new Map<Group, number>();
  const seen = [group];
  for (const next of seen) {
    for (const at of next.satisfied) {
      if (wantedBy.has(at) || closed.has(at)) continue;
      wantedBy.set(at, next);
      if ((free[at] as number) > 0) {
        (free[at] as number)--;
        for (let to: number | undefined = at; to !== undefined; ) {
          const mover = wantedBy.get(to) as Group;
          give(mover, to, 1);
          const from: number | undefined = mover === group ? undefined : heldAt.get(mover);
          if (from !== undefined) {
            const rest = (mover.assigned.get(from) as number) - 1;
            mover.assigned.set(from, rest);
            if (rest === 0) holders.get(from)?.delete(mover);
          }
          to = from;
        }
        return true;
      }
      for (const holder of holders.get(at) ?? []) {
        if (holder === group || heldAt.has(holder)) continue;
        heldAt.set(holder, at);
        seen.push(holder);
      }
    }
  }
  for (const at of wantedBy.keys()) closed.add(at);
  return false;
}
