import { FISH_WALK } from './fish-walk.ts';
import { commandArgument, type Grammar, type Level, type Option, spellings, type Value } from './grammar.ts';

/** One `complete` line for each word that can be offered, with a condition that looks at the line before it. */
export function fishScript({ levels, globals }: Grammar): string {
  return `# fish completion for rmq, written by npm run completions.

# Sets what the walk has to know of a level: whether commands are below it, which flags take a value, and which of its
# arguments begins a command.
function __rmq_level
    set -g __rmq_valued ${valued(globals)}
    set -g __rmq_below 0
    set -g __rmq_command 0
    switch "$__rmq_path"
${levels.map(levelCase).join('\n')}
        case '*'
            # Nothing is known of it: whatever follows belongs to it.
            set __rmq_running 1
    end
end

${FISH_WALK}
complete -c rmq -f
${globals.map((option) => optionLine(`__rmq_lacks ${option.repeatable ? '' : everyName(option)}`.trimEnd(), option)).join('\n')}
${levels.flatMap(levelLines).join('\n')}
`;
}

function levelCase(level: Level): string {
  const { path, below, options, positionals } = level;
  const command = commandArgument(level);
  const flags = valued(options);
  const facts = [
    ...(below.length === 0 ? [] : ['set __rmq_below 1']),
    ...(flags === '' ? [] : [`set -a __rmq_valued ${flags}`]),
    ...(command === undefined ? [] : [`set __rmq_command ${positionals.indexOf(command) + 1}`]),
  ];
  return [`        case ${quoted(path.join(' '))}`, ...facts.map((fact) => `            ${fact}`)].join('\n');
}

function valued(options: readonly Option[]): string {
  return options
    .filter(({ value }) => value !== undefined)
    .map(everyName)
    .join(' ');
}

function levelLines(level: Level): string[] {
  const { path, below, options, positionals } = level;
  const at = `"${path.join(' ')}"`;
  return [
    '',
    `# rmq ${path.join(' ')}`.trimEnd(),
    ...below.map(({ name, summary }) => line(`__rmq_at ${at}; and __rmq_awaits_word`, `-a ${quoted(name)} -d ${quoted(summary)}`)),
    ...options.map((option) => optionLine(`__rmq_at ${at}${option.repeatable ? '' : `; and __rmq_lacks ${everyName(option)}`}`, option)),
    ...positionals.flatMap((positional, index) => {
      if (positional === commandArgument(level)) return [line(`__rmq_runs ${at}`, "-a '(__rmq_complete_command)'")];
      const offer = valueOffer(positional);
      return offer === '' ? [] : [line(`__rmq_argument ${at} ${index + 1}${positional.rest ? ' rest' : ''}`, offer)];
    }),
  ];
}

function optionLine(condition: string, { long, short, help, value }: Option): string {
  const spelled = `-l ${long.slice(2)}${short === undefined ? '' : ` -s ${short.slice(1)}`}`;
  const takes = value === undefined ? '' : value.completes === 'file' ? ' -r -F' : ` -x ${valueOffer(value)}`.trimEnd();
  return line(condition, `${spelled}${takes} -d ${quoted(help)}`);
}

function line(condition: string, offer: string): string {
  return `complete -c rmq -n ${quoted(condition)} ${offer}`;
}

function valueOffer({ choices, completes }: Value): string {
  if (choices.length > 0) return `-a ${quoted(choices.map((choice) => (/^[\w.-]+$/.test(choice) ? choice : quoted(choice))).join(' '))}`;
  return completes === undefined ? '' : { file: '-F', directory: "-a '(__fish_complete_directories)'", command: "-a '(__fish_complete_command)'" }[completes];
}

function everyName(option: Option): string {
  return [...spellings(option), ...option.aliases].join(' ');
}

/** Text for fish's single quotes, in which a backslash escapes the quote and itself. */
function quoted(text: string): string {
  return `'${text.replace(/['\\]/g, '\\$&')}'`;
}
