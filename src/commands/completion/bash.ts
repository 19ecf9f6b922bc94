import { BASH_WALK } from './bash-walk.ts';
import { commandArgument, type Grammar, type Level, type Option, quoted, type Value } from './grammar.ts';

/** Everything that bash has to know stands in two `case` tables; the functions below them walk the line. */
export function bashScript({ levels, globals }: Grammar): string {
  return `# bash completion for rmq, written by npm run completions.
# It needs bash 4 or later; the bash-completion package may be there or not.

# Sets what can come at a level: its commands, its flags, how many arguments it takes.
# A flag is "KIND LONG SHORT ALIAS…": a switch, or one with a value, or with values: one each time it is given.
_rmq_level() {
  commands=() arguments=0 endless= command=0
  flags=(${globals.map(record).join(' ')})
  case $1 in
${levels.map(levelCase).join('\n')}
    *) flags=() ;;
  esac
}

# Sets what a flag or an argument can be: choices, or where they come from.
_rmq_values() {
  choices=() source=
  case $1 in
${[...levels.flatMap(levelValues), ...globals.flatMap((option) => valueCase(`*${quoted(` ${option.long}`)}`, option.value))].join('\n')}
  esac
}

${BASH_WALK}`;
}

function levelCase(level: Level): string {
  const { path, below, options, positionals } = level;
  const wrapped = commandArgument(level);
  const facts = [
    ...(below.length > 0 ? [`commands=(${below.map(({ name }) => quoted(name)).join(' ')})`] : []),
    ...(options.length > 0 ? [`flags+=(${options.map(record).join(' ')})`] : []),
    ...(positionals.length > 0 ? [`arguments=${positionals.length}`] : []),
    ...(positionals.some(({ rest }) => rest) ? ['endless=1'] : []),
    ...(wrapped === undefined ? [] : [`command=${positionals.indexOf(wrapped) + 1}`]),
  ];
  return [`    ${quoted(path.join(' '))})`, ...facts.map((fact) => `      ${fact}`), '      ;;'].join('\n');
}

function record({ long, short = '-', aliases, value, repeatable }: Option): string {
  const kind = repeatable ? 'values' : value === undefined ? 'switch' : 'value';
  return quoted([kind, long, short, ...aliases].join(' '));
}

function levelValues({ path, options, positionals }: Level): string[] {
  const words = path.join(' ');
  return [
    ...options.flatMap((option) => valueCase(quoted(`${words} ${option.long}`), option.value)),
    ...positionals.flatMap((positional, index) => valueCase(quoted(`${words} ${index + 1}`), positional)),
  ];
}

function valueCase(pattern: string, value: Value | undefined): string[] {
  if (value === undefined) return [];
  if (value.choices.length > 0) return [`    ${pattern}) choices=(${value.choices.map(quoted).join(' ')}) ;;`];
  return value.completes === undefined ? [] : [`    ${pattern}) source=${value.completes} ;;`];
}
