import { shellQuoted as quoted } from '../../model/text.ts';
import { BROKER_FLAGS, commandArgument, type Grammar, type Level, LONG_BROKER_FLAGS, type Option, type Value } from './grammar.ts';

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

/** The part of the bash script that is the same for every table: it walks the line, then offers what can come next. */
const BASH_WALK = `# Sets the words of the line up to the cursor, current as the last of them, and where each begins in COMP_WORDS, which bash also cuts at = : and @.
_rmq_words() {
  local left=\${COMP_LINE:0:COMP_POINT} gap word before=
  local -i index last=-1
  words=() starts=() cut=
  for ((index = 0; index <= COMP_CWORD; index++)); do
    gap=\${left%%[![:blank:]]*}
    left=\${left#"$gap"}
    word=\${COMP_WORDS[index]}
    ((index < COMP_CWORD)) || word=$left
    left=\${left#"$word"}
    if [[ -z $gap && -n $before && $before != *[\\<\\>] && $word != [\\<\\>]* ]]; then
      cut=\${words[last]}
      words[last]+=$word
    else
      cut=
      last+=1
      words[last]=$word starts[last]=$index
    fi
    before=$word
  done
  current=\${words[last]}
  # What bash replaces begins behind such a cut, not with the word.
  [[ -z $word || $word == *[!=:@]* ]] || cut+=$word
}

# Looks a flag up by any of its names: sets kind and long.
_rmq_find() {
  local record
  for record in "\${flags[@]}"; do
    if [[ " $record " == *" $1 "* ]]; then
      kind=\${record%% *} long=\${record#* }
      long=\${long%% *}
      return 0
    fi
  done
  return 1
}

# Takes a word of flags: notes which were given, and which one still waits for its value.
_rmq_take() {
  local kind long letters=\${1#-}
  if [[ $1 == --* ]]; then
    _rmq_find "\${1%%=*}" || return 0
    given+=" $long "
    [[ $kind == switch || $1 == *=* ]] || awaited=$long
    return 0
  fi
  while [[ -n $letters ]] && _rmq_find "-\${letters:0:1}"; do
    given+=" $long "
    letters=\${letters:1}
    if [[ $kind != switch ]]; then
      [[ -n $letters ]] || awaited=$long
      return 0
    fi
  done
}

_rmq_offer() {
  [[ $1 != "$current"* ]] || COMPREPLY+=("\${1#"$cut"}")
}

_rmq_offer_flags() {
  local record kind long short
  for record in "\${flags[@]}"; do
    read -r kind long short _ <<<"$record"
    [[ $kind != values && $given == *" $long "* ]] && continue
    _rmq_offer "$long"
    [[ $short == - || $current != -* ]] || _rmq_offer "$short"
  done
}

# Offers the values of a flag or an argument, each behind what already stands in the word, such as --output=
_rmq_offer_values() {
  local choices source choice
  _rmq_values "$1"
  [[ $source != queue && $source != exchange && $source != context ]] || mapfile -t choices < <(_rmq_names "$source")
  for choice in "\${choices[@]}"; do
    printf -v choice %q "$choice"
    _rmq_offer "$2$choice"
  done
  case $source in
    file | directory)
      if [[ $2 == "$cut" ]]; then
        # Readline itself knows best how to quote names.
        if [[ $source == file ]]; then compopt -o default; else compopt -o dirnames; fi
      else
        compopt -o filenames -o nospace
        mapfile -t COMPREPLY < <(compgen -P "$2" -A "$source" -- "\${current#"$2"}")
        COMPREPLY=("\${COMPREPLY[@]#"$cut"}")
      fi
      ;;
    command) mapfile -t COMPREPLY < <(compgen -c -- "$current") ;;
  esac
}

# Prints names of the line's broker, or of contexts; nothing where they cannot be known at once.
_rmq_names() {
  local -a via
  local -i at
  local quotes=$'[\\"\\'\\\\\\\\]'
  for ((at = 1; at < \${#words[@]} - 1; at++)); do
    case \${words[at]} in
      ${BROKER_FLAGS.join(' | ')}) via+=("\${words[at]}" "\${words[at + 1]//$quotes/}") ;;
      ${LONG_BROKER_FLAGS.map((flag) => `${flag}=*`).join(' | ')}) via+=("\${words[at]//$quotes/}") ;;
      --insecure) via+=(--insecure) ;;
      --) break ;;
    esac
  done
  command rmq completion --names "$1" --quiet "\${via[@]}" </dev/null 2>/dev/null
}

# Completes the command that begins at this index of COMP_WORDS.
_rmq_offer_command() {
  if ((COMP_CWORD <= $1)); then
    compopt -o default
    mapfile -t COMPREPLY < <(compgen -c -- "$current")
  elif declare -F _comp_command_offset >/dev/null; then
    _comp_command_offset "$1"
  elif declare -F _command_offset >/dev/null; then
    _command_offset "$1"
  else
    compopt -o default
  fi
}

_rmq() {
  local IFS=$' \\t\\n'
  local -a words starts commands flags
  local cut current word path= given= awaited= behind= redirected= endless kind long
  local -i index arguments command count=0
  COMPREPLY=()
  _rmq_words
  _rmq_level ''
  for ((index = 1; index < \${#words[@]} - 1; index++)); do
    word=\${words[index]}
    if [[ -n $redirected ]]; then
      redirected=
    elif [[ $word == *[\\<\\>]* && $word != *[!0-9\\<\\>\\&\\|]* ]]; then
      redirected=1
    elif [[ -n $awaited ]]; then
      awaited=
    elif [[ -n $behind ]]; then
      count+=1
    elif [[ $word == -- ]]; then
      behind=1
      if ((command > 0)); then
        _rmq_offer_command "\${starts[index + 1]}"
        return
      fi
    elif [[ $word == -?* ]]; then
      _rmq_take "$word"
    elif ((\${#commands[@]} > 0)); then
      path+=\${path:+ }$word
      _rmq_level "$path"
    else
      count+=1
      if ((count == command)); then
        _rmq_offer_command "\${starts[index]}"
        return
      fi
    fi
  done
  ((count < arguments)) || [[ -z $endless ]] || count=arguments-1
  if [[ -n $redirected ]]; then
    compopt -o default
  elif [[ -n $awaited ]]; then
    _rmq_offer_values "$path $awaited" ''
  elif [[ -z $behind && $current == --*=* ]]; then
    _rmq_find "\${current%%=*}" && _rmq_offer_values "$path $long" "\${current%%=*}="
  elif [[ -z $behind && $current == -[!-]?* ]] && _rmq_find "\${current:0:2}" && [[ $kind != switch ]]; then
    _rmq_offer_values "$path $long" "\${current:0:2}"
  elif [[ -z $behind && $current == -* ]]; then
    _rmq_offer_flags
  elif ((\${#commands[@]} > 0)); then
    for word in "\${commands[@]}"; do _rmq_offer "$word"; done
  elif ((count + 1 == command)); then
    _rmq_offer_command "\${starts[index]}"
  elif ((count < arguments)); then
    _rmq_offer_values "$path $((count + 1))" ''
  elif [[ -z $behind ]]; then
    _rmq_offer_flags
  fi
}

complete -F _rmq rmq
`;
