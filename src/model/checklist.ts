/** A table whose lines can be selected; all of it is safe to show. */
export interface Checklist {
  readonly title: string;
  /** The number of lines to select from. */
  readonly size: number;
  /** Lays the table out for a terminal of this width. */
  readonly layOut: (columns: number) => ChecklistLayout;
}

export interface ChecklistLayout {
  readonly head: string;
  readonly lines: readonly string[];
  /** What all lines have in common. */
  readonly same: string | undefined;
}

/**
 * Lets the user select lines of a list on the terminal, and resolves with their indexes: at least one.
 *
 * @throws Failure `interrupted` when the user leaves the list
 */
export type SelectLines = (list: Checklist) => Promise<readonly number[]>;
