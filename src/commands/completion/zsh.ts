import { shellQuoted as quoted } from '../../model/text.ts';
import {
  BROKER_FLAGS,
  commandArgument,
  type Grammar,
  type Level,
  LONG_BROKER_FLAGS,
  type Option,
  type Positional,
  restStart,
  spellings,
  type Value,
} from './grammar.ts';

/** A table of what `_arguments` and `_describe` are to be told at each level, and one function that walks down the levels. */
export function zshScript({ levels, globals }: Grammar): string {
  return `#compdef rmq
# zsh completion for rmq, written by npm run completions.

# Sets what can come at a level: its commands or its arguments, and its flags; behind is set where -- begins a command.
__rmq_level() {
  below=() specs=() behind=
  case $1 in
${levels.map(levelCase).join('\n')}
    (*) return 1 ;;
  esac
}

# Offers names of the line's broker, or of contexts; nothing where they cannot be known at once.
__rmq_names() {
  local -a via found expl
  local -i at
  for (( at = 2; at < $#typed; at++ )); do
    case $typed[at] in
      (${BROKER_FLAGS.join('|')}) via+=("$typed[at]" "\${(Q)typed[at+1]}") ;;
      (${LONG_BROKER_FLAGS.map((flag) => `${flag}=*`).join('|')}) via+=("\${(Q)typed[at]}") ;;
      (--insecure) via+=(--insecure) ;;
      (--) break ;;
    esac
  done
  found=("\${(@f)$(command rmq completion --names $1 --quiet "$via[@]" </dev/null 2>/dev/null)}")
  found=("\${(@)found:#}")
  (( $#found )) && _wanted names expl $1 compadd -a found
}

# Completes the command behind --, when the cursor stands there.
__rmq_behind_dashes() {
  local -i dashes=$words[(ie)--]
  (( dashes < CURRENT )) || return 1
  shift dashes words
  (( CURRENT -= dashes ))
  _normal
}

__rmq_complete() {
  local curcontext=$curcontext context state state_descr flag behind
  local -i ret=1
  local -a line below specs
  local -A opt_args
  __rmq_level "$1" || return 1
  if (( ! $#below )); then
    [[ -n $behind ]] && __rmq_behind_dashes && return
    _arguments -s -S : "$globals[@]" "$specs[@]"
    return
  fi
  _arguments -C -s -S : "$globals[@]" "$specs[@]" '(-)1: :->command' '(-)*:: :->rest' && ret=0
  case $state in
    (command) _describe -t commands command below && ret=0 ;;
    (rest)
      # The levels below do not see the flags before them.
      for flag in \${(k)opt_args}; do
        globals=("\${(@)globals:#\\(([^\\)]## |)$flag(| [^\\)]##)\\)*}")
      done
      curcontext=\${curcontext%:*}-$line[1]:
      __rmq_complete "\${1:+$1 }$line[1]" && ret=0
      ;;
  esac
  return ret
}

_rmq() {
  local -a typed=("$words[@]")
  local -a globals=(
${globals
  .flatMap(optionSpecs)
  .map((spec) => `    ${spec}`)
  .join('\n')}
  )
  __rmq_complete ''
}

if [[ $funcstack[1] == _rmq ]]; then
  _rmq "$@"
else
  compdef _rmq rmq
fi
`;
}

function levelCase(level: Level): string {
  const { path, below, options, positionals } = level;
  const specs = [...options.flatMap(optionSpecs), ...positionalSpecs(positionals)];
  return [
    `    (${quoted(path.join(' '))})`,
    ...list(
      'below',
      below.map(({ name, summary }) => quoted(`${name}:${escaped(summary, /\\/g)}`)),
    ),
    ...list('specs', specs),
    ...(commandArgument(level) === undefined ? [] : ['      behind=1']),
    '      ;;',
  ].join('\n');
}

function list(name: string, texts: readonly string[]): string[] {
  return texts.length === 0 ? [] : [`      ${name}=(`, ...texts.map((text) => `        ${text}`), '      )'];
}

/** One specification for each spelling; the list in parentheses is what it keeps from being offered. */
function optionSpecs(option: Option): string[] {
  const { help, value, repeatable, alone, aliases } = option;
  const excluded = alone ? '(- : *)' : repeatable ? '*' : `(${[...spellings(option), ...aliases].join(' ')})`;
  const after = `[${escaped(help, /[\\[\]:]/g)}]${value === undefined ? '' : `:${message(value.name)}:${action(value)}`}`;
  const named = (name: string): string => `${excluded}${name}${value === undefined ? '' : name.startsWith('--') ? '=' : '+'}${after}`;
  return [...spellings(option).map(named), ...aliases.map((alias) => `!${named(alias)}`)].map(quoted);
}

function positionalSpecs(positionals: readonly Positional[]): string[] {
  const first = positionals.slice(0, restStart(positionals)).map((one, index) => `${index + 1}${one.optional ? '::' : ':'}${message(one.help)}:${action(one)}`);
  const rest = positionals[first.length];
  if (rest === undefined) return first.map(quoted);
  const everything = rest.completes === 'command' ? `*:::${message(rest.help)}:_normal` : `*:${message(rest.help)}:${action(rest)}`;
  return [...first, everything].map(quoted);
}

/** What `_arguments` does for a value; a lone space only shows the message. */
function action({ choices, completes }: Value): string {
  if (choices.length > 0) return `(${choices.map((choice) => escaped(choice, /[^\w.,/+-]/g)).join(' ')})`;
  return completes === undefined
    ? ' '
    : {
        file: '_files',
        directory: '_files -/',
        command: '_command_names -e',
        queue: ' __rmq_names queue',
        exchange: ' __rmq_names exchange',
        context: ' __rmq_names context',
      }[completes];
}

function message(text: string): string {
  return escaped(text, /[\\:]/g);
}

function escaped(text: string, special: RegExp): string {
  return text.replace(special, '\\$&');
}
