/** A table, some of whose lines a person is to tick; all of it is safe to show. */
export interface Checklist {
  readonly title: string;
  readonly head: string;
  readonly lines: readonly string[];
}

/**
 * Has lines of a list ticked on the terminal, and resolves with their indexes: at least one.
 *
 * @throws Failure `interrupted` when the list was left
 */
export type Tick = (list: Checklist) => Promise<readonly number[]>;
