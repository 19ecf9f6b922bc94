/** A page of the guide. */
export interface Topic {
  readonly name: string;
  readonly summary: string;
  /** The commands that it is about, by their first words. */
  readonly about: readonly string[];
}

/** The pages, in the order in which they are read; each but `flags` is a file beside this one. */
export const topics: readonly Topic[] = [
  { name: 'flags', summary: 'the flags of every command', about: [] },
  { name: 'exit-codes', summary: 'what each exit code means', about: [] },
];
