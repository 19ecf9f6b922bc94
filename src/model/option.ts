/** The name of an option as its reader gives it; `value` is an example, or false for an option that is turned off. */
type Spell = (key: string, value?: string | false) => string;

let spell: Spell = (key, value) => (value === false ? `${key}: false` : key);

/** Spells options in another way from now on: the command line spells them as flags of the command that runs. */
export function spellOptions(as: Spell): void {
  spell = as;
}

/**
 * The name of an option for a message: `queueType` in a program, a flag on the command line. A message names it when it is made, not when its
 * module is loaded: only then is it known who reads it.
 */
export const option: Spell = (key, value) => spell(key, value);
