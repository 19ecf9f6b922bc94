/** The part of the fish script that is the same for every table: it walks the line, once, and answers the conditions. */
export const FISH_WALK = `# Walks the words before the cursor: sets the level that they lead to, the flags that were given, whether the last one
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

function __rmq_complete_command
    set -l line (string join -- ' ' (string escape -- $__rmq_run) (commandline -ct))
    complete --do-complete="$line"
end
`;
