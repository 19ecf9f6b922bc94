import { BROKER_FLAGS, commandArgument, type Grammar, type Level, LONG_BROKER_FLAGS, type Option, spellings, type Value } from './grammar.ts';

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
  if (completes === undefined || completes === 'file') return completes === undefined ? '' : '-F';
  return `-a '(${{ directory: '__fish_complete_directories', command: '__fish_complete_command', queue: '__rmq_names queue', exchange: '__rmq_names exchange', context: '__rmq_names context' }[completes]})'`;
}

function everyName(option: Option): string {
  return [...spellings(option), ...option.aliases].join(' ');
}

/** Text for fish's single quotes, in which a backslash escapes the quote and itself. */
function quoted(text: string): string {
  return `'${text.replace(/['\\]/g, '\\$&')}'`;
}

/** The part of the fish script that is the same for every table: it walks the line, once, and answers the conditions. */
const FISH_WALK = `# Walks the words before the cursor: sets the level that they lead to, the flags that were given, whether the last one
# still waits for its value, how many arguments there are, and the words of a command to run.
function __rmq_walk
    set -l line (commandline -opc)
    while string match -qr '^\\w+=' -- $line[1]
        set -e line[1]
    end
    set -q __rmq_line; and test "$__rmq_line" = "$line"; and return
    set -g __rmq_line $line
    set -g __rmq_path
    set -g __rmq_given
    set -g __rmq_awaited
    set -g __rmq_count 0
    set -g __rmq_behind 0
    set -g __rmq_running 0
    set -g __rmq_run
    __rmq_level
    for word in $line[2..]
        if test $__rmq_running = 1
            set -a __rmq_run $word
        else if set -q __rmq_awaited[1]
            set -a __rmq_given $__rmq_awaited
            set __rmq_awaited
        else if test $__rmq_behind = 0; and test "$word" = --
            set __rmq_behind 1
            test $__rmq_command = 0; or set __rmq_running 1
        else if test $__rmq_behind = 0; and string match -q -- '-?*' $word
            __rmq_take $word
        else if test $__rmq_behind = 0; and test $__rmq_below = 1
            set -a __rmq_path $word
            __rmq_level
        else
            set __rmq_count (math $__rmq_count + 1)
            if test $__rmq_count = $__rmq_command
                set __rmq_running 1
                set __rmq_run $word
            end
        end
    end
end

# Takes a word of flags.
function __rmq_take -a word
    if string match -q -- '--*' $word
        if contains -- $word $__rmq_valued
            set __rmq_awaited $word
        else
            set -a __rmq_given (string split -m 1 = -- $word)[1]
        end
        return
    end
    set -l letters (string split '' -- $word)[2..]
    while set -q letters[1]
        if contains -- -$letters[1] $__rmq_valued; and not set -q letters[2]
            set __rmq_awaited -$letters[1]
            return
        end
        set -a __rmq_given -$letters[1]
        contains -- -$letters[1] $__rmq_valued; and return
        set -e letters[1]
    end
end

function __rmq_at -a path
    __rmq_walk
    test "$__rmq_path" = "$path"; and test $__rmq_running = 0
end

function __rmq_lacks
    __rmq_walk
    test $__rmq_running = 0; or return
    for flag in $argv
        contains -- $flag $__rmq_given; and return 1
    end
    return 0
end

function __rmq_awaits_word
    test $__rmq_behind = 0; and not set -q __rmq_awaited[1]
end

function __rmq_argument -a path number rest
    __rmq_at $path; and not set -q __rmq_awaited[1]; or return
    set -l next (math $__rmq_count + 1)
    test $next = $number; or test "$rest" = rest -a $next -gt $number
end

function __rmq_runs -a path
    __rmq_walk
    test "$__rmq_path" = "$path"; or return
    test $__rmq_running = 1; and return
    not set -q __rmq_awaited[1]; and test (math $__rmq_count + 1) = $__rmq_command
end

# Prints names of the line's broker, or of contexts; nothing where they cannot be known at once.
function __rmq_names -a named
    set -l line (commandline -opc)
    set -l via
    while set -q line[1]
        switch $line[1]
            case ${BROKER_FLAGS.join(' ')}
                set -q line[2]; and set -a via $line[1..2]
            case ${LONG_BROKER_FLAGS.map((flag) => `'${flag}=*'`).join(' ')} --insecure
                set -a via $line[1]
            case --
                break
        end
        set -e line[1]
    end
    command -q rmq; and command rmq completion --names $named --quiet $via </dev/null 2>/dev/null
end

function __rmq_complete_command
    set -l line (string join -- ' ' (string escape -- $__rmq_run) (commandline -ct))
    complete --do-complete="$line"
end
`;
