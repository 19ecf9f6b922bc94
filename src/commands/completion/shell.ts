/** The shells that can complete a command line. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;

export type Shell = (typeof SHELLS)[number];

/** How each wants its file to be called. */
export const FILES: Readonly<Record<Shell, string>> = { bash: 'rmq.bash', zsh: '_rmq', fish: 'rmq.fish' };
