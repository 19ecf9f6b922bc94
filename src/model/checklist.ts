/** A table, some of whose lines a person is to tick; all of it is safe to show. */
export interface Checklist {
  readonly title: string;
  /** How many lines there are to tick. */
  readonly size: number;
  /** Lays it out for so many columns of a terminal. */
  readonly layOut: (columns: number) => ChecklistLayout;
}

export interface ChecklistLayout {
  readonly head: string;
  readonly lines: readonly string[];
  /** What holds for all lines. */
  readonly same: string | undefined;
}

/**
 * Has lines of a list ticked on the terminal, and resolves with their indexes: at least one.
 *
 * @throws Failure `interrupted` when the list was left
 */
export type Tick = (list: Checklist) => Promise<readonly number[]>;
