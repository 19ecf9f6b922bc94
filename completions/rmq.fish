# fish completion for rmq, written by npm run completions.

# Sets what the walk has to know of a level: whether commands are below it, which flags take a value, and which of its
# arguments begins a command.
function __rmq_level
    set -g __rmq_valued -u --url --uri --connect-timeout --wait --connect-attempts --max-reconnects --reconnect-delay --heartbeat --blocked-timeout --answer-timeout --max-message-size --cacert --cert --key --passphrase-file --servername --name -c --context --confirm --url-file --password-command --token-command -o --output
    set -g __rmq_below 0
    set -g __rmq_command 0
    switch "$__rmq_path"
        case ''
            set __rmq_below 1
        case 'queue'
            set __rmq_below 1
        case 'exchange'
            set __rmq_below 1
        case 'binding'
            set __rmq_below 1
        case 'connection'
            set __rmq_below 1
        case 'consumer'
            set __rmq_below 1
        case 'work'
            set __rmq_below 1
        case 'fanout'
            set __rmq_below 1
        case 'topic'
            set __rmq_below 1
        case 'rpc'
            set __rmq_below 1
        case 'dlx'
            set __rmq_below 1
        case 'topology'
            set __rmq_below 1
        case 'context'
            set __rmq_below 1
        case 'check'
            set __rmq_below 1
        case 'bench'
            set __rmq_below 1
        case 'broker'
            set __rmq_below 1
        case 'publish'
            set -a __rmq_valued -q --queue -e --exchange -r --routing-key --content-type --content-encoding -H --header --priority --correlation-id --reply-to --ttl --message-id --timestamp --type --user-id --app-id -f --file -n --count --data --rate --window --confirm-timeout --timeout --returned --schema --delay
        case 'consume'
            set -a __rmq_valued --prefetch -n --count --idle --timeout --expect --settle --priority --offset --match --schema --expect-file --junit --management-url
        case 'peek'
            set -a __rmq_valued -n --count --where --last --timeout --management-url
        case 'tap'
            set -a __rmq_valued -q --queue --where -n --count --idle --timeout --expect --settle --max-length --max-length-bytes --match --schema --expect-file --junit --management-url
        case 'queue list'
            set -a __rmq_valued --where --sort --columns --management-url
        case 'queue watch'
            set -a __rmq_valued --where --sort --columns --interval -n --count --until --management-url
        case 'queue declare'
            set -a __rmq_valued --queue-type --message-ttl --expires --max-length --max-length-bytes --max-bytes --overflow --dlx --dead-letter-exchange --dlx-routing-key --dead-letter-routing-key --dead-letter-strategy --dlx-strategy --max-priority --delivery-limit --queue-mode --queue-version --leader-locator --quorum-initial-group-size --initial-group-size --quorum-target-group-size --target-group-size --stream-initial-cluster-size --initial-cluster-size --max-age --stream-max-age --max-segment-size --stream-max-segment-size --filter-size --stream-filter-size --argument --bind
        case 'queue status'
            set -a __rmq_valued --management-url
        case 'queue bind'
            set -a __rmq_valued -r --routing-key --match
        case 'queue unbind'
            set -a __rmq_valued -r --routing-key --match --management-url
        case 'queue purge'
        case 'queue delete'
            set -a __rmq_valued --management-url
        case 'exchange list'
            set -a __rmq_valued --where --sort --columns --management-url
        case 'exchange declare'
            set -a __rmq_valued --type --alternate-exchange --argument
        case 'exchange bind'
            set -a __rmq_valued -r --routing-key --match
        case 'exchange unbind'
            set -a __rmq_valued -r --routing-key --match --management-url
        case 'exchange delete'
        case 'binding list'
            set -a __rmq_valued --queue --exchange --where --sort --columns --management-url
        case 'connection list'
            set -a __rmq_valued --where --sort --columns --management-url
        case 'consumer list'
            set -a __rmq_valued --where --sort --columns --management-url
        case 'work publish'
            set -a __rmq_valued --queue-type --max-priority --message-ttl --max-length --dlx --dlx-routing-key --content-type --content-encoding -H --header --priority --correlation-id --reply-to --ttl --message-id --timestamp --type --user-id --app-id -f --file -n --count --data --rate --window --confirm-timeout --timeout --returned --schema --delay
        case 'work run'
            set -a __rmq_valued --queue-type --max-priority --message-ttl --max-length --dlx --dlx-routing-key --concurrency --prefetch --handler-timeout --retries --backoff --requeue-delay --grace -n --count --idle --timeout --on-exit
            set __rmq_command 2
        case 'fanout publish'
            set -a __rmq_valued -r --routing-key --content-type --content-encoding -H --header --priority --correlation-id --reply-to --ttl --message-id --timestamp --type --user-id --app-id -f --file -n --count --data --rate --window --confirm-timeout --timeout --returned --schema --delay
        case 'fanout subscribe'
            set -a __rmq_valued --queue-type --prefetch -n --count --idle --timeout --expect --settle --priority --offset --match --schema --expect-file --junit --concurrency --handler-timeout --retries --backoff --requeue-delay --grace --max-priority --message-ttl --max-length --dlx --dlx-routing-key --on-exit
        case 'topic publish'
            set -a __rmq_valued --content-type --content-encoding -H --header --priority --correlation-id --reply-to --ttl --message-id --timestamp --type --user-id --app-id -f --file -n --count --data --rate --window --confirm-timeout --timeout --returned --schema --delay
        case 'topic subscribe'
            set -a __rmq_valued --queue --queue-type --prefetch -n --count --idle --timeout --expect --settle --priority --offset --match --schema --expect-file --junit --concurrency --handler-timeout --retries --backoff --requeue-delay --grace --max-priority --message-ttl --max-length --dlx --dlx-routing-key --on-exit
        case 'topic match'
        case 'rpc call'
            set -a __rmq_valued --timeout --concurrency --content-type --content-encoding -H --header --priority --ttl --message-id --timestamp --type --user-id --app-id -f --file -n --count --match --schema --expect-file --junit
        case 'rpc serve'
            set -a __rmq_valued --queue-type --concurrency --handler-timeout --grace --reply-content-type -n --count --idle --timeout --max-reply
            set __rmq_command 2
        case 'dlx setup'
            set -a __rmq_valued --dlx --dlx-routing-key --dead-queue --dead-ttl --dead-queue-type --queue-type --message-ttl --max-length --delivery-limit --retry --management-url
        case 'dlx list'
            set -a __rmq_valued --management-url
        case 'dlx inspect'
            set -a __rmq_valued --reason --from-queue -H --header --older-than --newer-than --id --where -n --count --group-by --show --management-url
        case 'dlx replay'
            set -a __rmq_valued --reason --from-queue -H --header --older-than --newer-than --id --where --to-queue --to-exchange -r --routing-key -n --count --rate --journal --max-replays --management-url --to-url --handler-timeout
        case 'dlx move'
            set -a __rmq_valued --reason --from-queue -H --header --older-than --newer-than --id --where -n --count --rate --journal --management-url --to-url --handler-timeout
        case 'dlx export'
            set -a __rmq_valued --reason --from-queue -H --header --older-than --newer-than --id --where -n --count -d --directory --file-size --management-url
        case 'dlx import'
            set -a __rmq_valued -q --queue --rate --window --confirm-timeout --timeout --returned
        case 'dlx purge'
            set -a __rmq_valued --reason --from-queue -H --header --older-than --newer-than --id --where -n --count --export-to --management-url
        case 'topology export'
            set -a __rmq_valued --management-url
        case 'topology plan'
            set -a __rmq_valued --management-url
        case 'topology apply'
            set -a __rmq_valued --management-url
        case 'topology graph'
            set -a __rmq_valued -o --output --management-url
        case 'context add'
            set -a __rmq_valued --management-url
        case 'context list'
        case 'context use'
        case 'context show'
        case 'context remove'
        case 'ping'
            set -a __rmq_valued --timeout
        case 'wait'
            set -a __rmq_valued --queue --exchange --consumers --messages --timeout
        case 'check queue'
            set -a __rmq_valued --max-depth --min-depth --min-consumers --max-age --warn-max-depth --warn-min-depth --warn-min-consumers --warn-max-age --timeout --format --management-url
        case 'check dlx'
            set -a __rmq_valued --max --max-age --warn-max --warn-max-age --by --timeout --format --management-url
        case 'check broker'
            set -a __rmq_valued --timeout --format
        case 'bench publish'
            set -a __rmq_valued --queue-type --size -n --count --duration --warm-up --rate --window
        case 'bench consume'
            set -a __rmq_valued --queue-type --size -n --count --duration --warm-up --prefetch
        case 'bench rpc'
            set -a __rmq_valued --queue-type --size -n --count --duration --warm-up --concurrency --timeout
        case 'bench latency'
            set -a __rmq_valued --queue-type --size -n --count --duration --warm-up --rate --prefetch
        case 'broker run'
            set -a __rmq_valued --nodes --boot-timeout
            set __rmq_command 1
        case 'broker start'
            set -a __rmq_valued --nodes --boot-timeout --port
        case 'broker stop'
        case 'broker status'
        case 'completion'
            set -a __rmq_valued --write --names --management-url
        case 'help'
        case '*'
            # Nothing is known of it: whatever follows belongs to it.
            set __rmq_running 1
    end
end

# Walks the words before the cursor: sets the level that they lead to, the flags that were given, whether the last one
# still waits for its value, how many arguments there are, and the words of a command to run.
function __rmq_walk
    set -l line (commandline -opc)
    while string match -qr '^\w+=' -- $line[1]
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
            case --context -c --url --uri -u --url-file --management-url --cacert --cert --key --passphrase-file --servername
                set -q line[2]; and set -a via $line[1..2]
            case '--context=*' '--url=*' '--uri=*' '--url-file=*' '--management-url=*' '--cacert=*' '--cert=*' '--key=*' '--passphrase-file=*' '--servername=*' --insecure
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

complete -c rmq -f
complete -c rmq -n '__rmq_lacks' -l url -s u -x -d 'AMQP URL; repeat or separate with commas for failover'
complete -c rmq -n '__rmq_lacks --connect-timeout' -l connect-timeout -x -d 'give up on an address after this long (10s)'
complete -c rmq -n '__rmq_lacks --wait' -l wait -x -d 'keep trying until the broker is up, at most this long'
complete -c rmq -n '__rmq_lacks --connect-attempts' -l connect-attempts -x -d 'rounds over all addresses before the first success (1)'
complete -c rmq -n '__rmq_lacks --max-reconnects' -l max-reconnects -x -d 'attempts to reconnect, in a row and each over every URL, before giving up (12; no limit for a run without an end)'
complete -c rmq -n '__rmq_lacks --no-reconnect' -l no-reconnect -d 'give up as soon as the connection is lost'
complete -c rmq -n '__rmq_lacks --reconnect-delay' -l reconnect-delay -x -d 'shortest and longest pause before connecting again (0s..30s)'
complete -c rmq -n '__rmq_lacks --heartbeat' -l heartbeat -x -d 'heartbeat interval, 0s for none (60s)'
complete -c rmq -n '__rmq_lacks --blocked-timeout' -l blocked-timeout -x -d 'give up when an alarm blocks publishing for this long (5m)'
complete -c rmq -n '__rmq_lacks --answer-timeout' -l answer-timeout -x -d 'give up a connection when the broker answers nothing for this long (30s)'
complete -c rmq -n '__rmq_lacks --max-message-size' -l max-message-size -x -d 'largest message to receive (128mb)'
complete -c rmq -n '__rmq_lacks --cacert' -l cacert -r -F -d 'CA certificates (PEM) to trust instead of the system\'s'
complete -c rmq -n '__rmq_lacks --cert' -l cert -r -F -d 'client certificate (PEM)'
complete -c rmq -n '__rmq_lacks --key' -l key -r -F -d 'private key of the client certificate (PEM)'
complete -c rmq -n '__rmq_lacks --passphrase-file' -l passphrase-file -r -F -d 'file with the passphrase of the private key'
complete -c rmq -n '__rmq_lacks --servername' -l servername -x -d 'name expected in the broker\'s certificate'
complete -c rmq -n '__rmq_lacks --insecure' -l insecure -d 'accept any certificate'
complete -c rmq -n '__rmq_lacks --name' -l name -x -d 'connection name shown by the broker'
complete -c rmq -n '__rmq_lacks -c --context' -l context -s c -x -a '(__rmq_names context)' -d 'the context to use: a broker with a name (RMQ_CONTEXT, else that of rmq context use)'
complete -c rmq -n '__rmq_lacks --confirm' -l confirm -x -a '(__rmq_names context)' -d 'confirm by its name what cannot be undone in a protected context'
complete -c rmq -n '__rmq_lacks --url-file' -l url-file -r -F -d 'read the URL from a file'
complete -c rmq -n '__rmq_lacks --password-command' -l password-command -x -d 'sh -c CMD prints the password; it runs before the first connection, and again when the password is refused'
complete -c rmq -n '__rmq_lacks --token-command' -l token-command -x -d 'sh -c CMD prints an OAuth 2.0 token; it runs again before that expires'
complete -c rmq -n '__rmq_lacks -o --output' -l output -s o -x -a 'text json raw' -d 'output format'
complete -c rmq -n '__rmq_lacks --json' -l json -d 'same as -o json'
complete -c rmq -n '__rmq_lacks --quiet' -l quiet -d 'print results and errors only'
complete -c rmq -n '__rmq_lacks -v --verbose' -l verbose -s v -d 'show what is going on'
complete -c rmq -n '__rmq_lacks --no-color' -l no-color -d 'no colours'
complete -c rmq -n '__rmq_lacks -y --yes' -l yes -s y -d 'do not ask'
complete -c rmq -n '__rmq_lacks -h --help' -l help -s h -d 'print this help'

# rmq
complete -c rmq -n '__rmq_at ""; and __rmq_awaits_word' -a 'queue' -d 'list, watch, declare, bind, look at, purge and delete queues'
complete -c rmq -n '__rmq_at ""; and __rmq_awaits_word' -a 'exchange' -d 'list, declare, bind and delete exchanges'
complete -c rmq -n '__rmq_at ""; and __rmq_awaits_word' -a 'binding' -d 'list bindings'
complete -c rmq -n '__rmq_at ""; and __rmq_awaits_word' -a 'connection' -d 'list connections'
complete -c rmq -n '__rmq_at ""; and __rmq_awaits_word' -a 'consumer' -d 'list consumers'
complete -c rmq -n '__rmq_at ""; and __rmq_awaits_word' -a 'work' -d 'work queues: send tasks, run a handler for each'
complete -c rmq -n '__rmq_at ""; and __rmq_awaits_word' -a 'fanout' -d 'broadcast messages to every service that subscribed'
complete -c rmq -n '__rmq_at ""; and __rmq_awaits_word' -a 'topic' -d 'route messages by the words of their keys'
complete -c rmq -n '__rmq_at ""; and __rmq_awaits_word' -a 'rpc' -d 'request and reply: call a service, or be one'
complete -c rmq -n '__rmq_at ""; and __rmq_awaits_word' -a 'dlx' -d 'dead letters: set up, list, inspect, replay, export, purge'
complete -c rmq -n '__rmq_at ""; and __rmq_awaits_word' -a 'topology' -d 'exchanges, queues, bindings and policies as a file'
complete -c rmq -n '__rmq_at ""; and __rmq_awaits_word' -a 'context' -d 'names for brokers, and protection for those that matter'
complete -c rmq -n '__rmq_at ""; and __rmq_awaits_word' -a 'check' -d 'compare queues, dead letters and the broker with limits, for CI and monitoring'
complete -c rmq -n '__rmq_at ""; and __rmq_awaits_word' -a 'bench' -d 'measure a broker, in a queue of its own that is deleted afterwards'
complete -c rmq -n '__rmq_at ""; and __rmq_awaits_word' -a 'broker' -d 'run a private, real RabbitMQ node for development, tests and CI'
complete -c rmq -n '__rmq_at ""; and __rmq_awaits_word' -a 'publish' -d 'publish messages to a queue or an exchange'
complete -c rmq -n '__rmq_at ""; and __rmq_awaits_word' -a 'consume' -d 'print messages, acknowledging each only after it has been written'
complete -c rmq -n '__rmq_at ""; and __rmq_awaits_word' -a 'peek' -d 'look at the messages that are in a queue now; all of them stay there'
complete -c rmq -n '__rmq_at ""; and __rmq_awaits_word' -a 'tap' -d 'print copies of what flows through an exchange, or to a queue; disturbs nobody and leaves nothing'
complete -c rmq -n '__rmq_at ""; and __rmq_awaits_word' -a 'ping' -d 'log in to the broker and tell how fast it answers'
complete -c rmq -n '__rmq_at ""; and __rmq_awaits_word' -a 'wait' -d 'wait until the broker is up, and queues, exchanges, consumers and messages are there'
complete -c rmq -n '__rmq_at ""; and __rmq_awaits_word' -a 'completion' -d 'print the completion script for a shell'
complete -c rmq -n '__rmq_at ""; and __rmq_awaits_word' -a 'help' -d 'explain a command or a topic'
complete -c rmq -n '__rmq_at ""; and __rmq_lacks -V --version' -l version -s V -d 'print the version'

# rmq queue
complete -c rmq -n '__rmq_at "queue"; and __rmq_awaits_word' -a 'list' -d 'list queues: messages, consumers, rates, where dead letters go'
complete -c rmq -n '__rmq_at "queue"; and __rmq_awaits_word' -a 'watch' -d 'watch queues: their depth over time, rates and consumers; q leaves'
complete -c rmq -n '__rmq_at "queue"; and __rmq_awaits_word' -a 'declare' -d 'declare a durable queue, and bind it'
complete -c rmq -n '__rmq_at "queue"; and __rmq_awaits_word' -a 'status' -d 'show the messages, consumers and type of queues; the management API knows what is unacknowledged (else ?), up to 5s late for quorum queues'
complete -c rmq -n '__rmq_at "queue"; and __rmq_awaits_word' -a 'bind' -d 'let a queue get messages from an exchange'
complete -c rmq -n '__rmq_at "queue"; and __rmq_awaits_word' -a 'unbind' -d 'remove bindings of a queue'
complete -c rmq -n '__rmq_at "queue"; and __rmq_awaits_word' -a 'purge' -d 'remove every message that is ready in a queue; rmq dlx purge removes some'
complete -c rmq -n '__rmq_at "queue"; and __rmq_awaits_word' -a 'delete' -d 'delete a queue with its messages'

# rmq exchange
complete -c rmq -n '__rmq_at "exchange"; and __rmq_awaits_word' -a 'list' -d 'list exchanges: types, alternate exchanges, rates'
complete -c rmq -n '__rmq_at "exchange"; and __rmq_awaits_word' -a 'declare' -d 'declare a durable exchange'
complete -c rmq -n '__rmq_at "exchange"; and __rmq_awaits_word' -a 'bind' -d 'let an exchange get messages from another one'
complete -c rmq -n '__rmq_at "exchange"; and __rmq_awaits_word' -a 'unbind' -d 'remove bindings of an exchange'
complete -c rmq -n '__rmq_at "exchange"; and __rmq_awaits_word' -a 'delete' -d 'delete an exchange with its bindings; the queues stay'

# rmq binding
complete -c rmq -n '__rmq_at "binding"; and __rmq_awaits_word' -a 'list' -d 'list bindings: which exchange routes what to which queue'

# rmq connection
complete -c rmq -n '__rmq_at "connection"; and __rmq_awaits_word' -a 'list' -d 'list connections: who is there, since when, how busy'

# rmq consumer
complete -c rmq -n '__rmq_at "consumer"; and __rmq_awaits_word' -a 'list' -d 'list consumers: who takes messages from which queue'

# rmq work
complete -c rmq -n '__rmq_at "work"; and __rmq_awaits_word' -a 'publish' -d 'send tasks to a work queue, which is declared when it is missing'
complete -c rmq -n '__rmq_at "work"; and __rmq_awaits_word' -a 'run' -d 'run a handler for each task, and settle it by the exit code'

# rmq fanout
complete -c rmq -n '__rmq_at "fanout"; and __rmq_awaits_word' -a 'publish' -d 'publish messages to every service'
complete -c rmq -n '__rmq_at "fanout"; and __rmq_awaits_word' -a 'subscribe' -d 'print every message, as one of the services that get it'

# rmq topic
complete -c rmq -n '__rmq_at "topic"; and __rmq_awaits_word' -a 'publish' -d 'publish messages with a routing key'
complete -c rmq -n '__rmq_at "topic"; and __rmq_awaits_word' -a 'subscribe' -d 'print the messages whose key matches a pattern'
complete -c rmq -n '__rmq_at "topic"; and __rmq_awaits_word' -a 'match' -d 'check whether keys match a pattern, without a broker'

# rmq rpc
complete -c rmq -n '__rmq_at "rpc"; and __rmq_awaits_word' -a 'call' -d 'send a request and print its reply'
complete -c rmq -n '__rmq_at "rpc"; and __rmq_awaits_word' -a 'serve' -d 'answer requests with what a program prints'

# rmq dlx
complete -c rmq -n '__rmq_at "dlx"; and __rmq_awaits_word' -a 'setup' -d 'set up a queue whose failed messages are kept as dead letters'
complete -c rmq -n '__rmq_at "dlx"; and __rmq_awaits_word' -a 'list' -d 'list the queues that dead-letter, their targets, and problems'
complete -c rmq -n '__rmq_at "dlx"; and __rmq_awaits_word' -a 'inspect' -d 'look at dead letters, and leave them in the queue'
complete -c rmq -n '__rmq_at "dlx"; and __rmq_awaits_word' -a 'replay' -d 'publish dead letters again, each to where it was first published'
complete -c rmq -n '__rmq_at "dlx"; and __rmq_awaits_word' -a 'move' -d 'move messages from one queue to another, unchanged'
complete -c rmq -n '__rmq_at "dlx"; and __rmq_awaits_word' -a 'export' -d 'write dead letters to files, and leave them in the queue'
complete -c rmq -n '__rmq_at "dlx"; and __rmq_awaits_word' -a 'import' -d 'publish the messages of a bundle that dlx export wrote'
complete -c rmq -n '__rmq_at "dlx"; and __rmq_awaits_word' -a 'purge' -d 'remove dead letters for good'

# rmq topology
complete -c rmq -n '__rmq_at "topology"; and __rmq_awaits_word' -a 'export' -d 'print the exchanges, queues, bindings and policies of the vhost, without users and passwords'
complete -c rmq -n '__rmq_at "topology"; and __rmq_awaits_word' -a 'plan' -d 'what apply would do; exit 0 when there is nothing to do, 1 when there is, 76 in conflict'
complete -c rmq -n '__rmq_at "topology"; and __rmq_awaits_word' -a 'apply' -d 'make the broker have what a file says; asks before it changes or deletes anything'
complete -c rmq -n '__rmq_at "topology"; and __rmq_awaits_word' -a 'graph' -d 'draw the ways of messages: bindings, dead letters, retries, and what is wrong with them'

# rmq context
complete -c rmq -n '__rmq_at "context"; and __rmq_awaits_word' -a 'add' -d 'give a broker a name: --url, --url-file, --password-command, --token-command and the files of TLS are kept under it'
complete -c rmq -n '__rmq_at "context"; and __rmq_awaits_word' -a 'list' -d 'list the contexts'
complete -c rmq -n '__rmq_at "context"; and __rmq_awaits_word' -a 'use' -d 'use a context from now on'
complete -c rmq -n '__rmq_at "context"; and __rmq_awaits_word' -a 'show' -d 'tell what a context is'
complete -c rmq -n '__rmq_at "context"; and __rmq_awaits_word' -a 'remove' -d 'forget a context; its broker is left alone'

# rmq check
complete -c rmq -n '__rmq_at "check"; and __rmq_awaits_word' -a 'queue' -d 'compare queues with limits: depth, consumers, the age of the oldest message'
complete -c rmq -n '__rmq_at "check"; and __rmq_awaits_word' -a 'dlx' -d 'compare dead letters with limits; without any, none may be there'
complete -c rmq -n '__rmq_at "check"; and __rmq_awaits_word' -a 'broker' -d 'the broker answers, and no alarm blocks publishers'

# rmq bench
complete -c rmq -n '__rmq_at "bench"; and __rmq_awaits_word' -a 'publish' -d 'how many messages a second are confirmed, and how long each takes'
complete -c rmq -n '__rmq_at "bench"; and __rmq_awaits_word' -a 'consume' -d 'how many messages a second are consumed, and the pauses between them'
complete -c rmq -n '__rmq_at "bench"; and __rmq_awaits_word' -a 'rpc' -d 'how many calls a second a server in this process answers, and how long each takes'
complete -c rmq -n '__rmq_at "bench"; and __rmq_awaits_word' -a 'latency' -d 'how long messages take from publishing to delivery, at a given rate'

# rmq broker
complete -c rmq -n '__rmq_at "broker"; and __rmq_awaits_word' -a 'run' -d 'run a command against a throwaway RabbitMQ node and leave nothing behind'
complete -c rmq -n '__rmq_at "broker"; and __rmq_awaits_word' -a 'start' -d 'start a RabbitMQ node in the background; other commands connect to it by default'
complete -c rmq -n '__rmq_at "broker"; and __rmq_awaits_word' -a 'stop' -d 'stop the RabbitMQ node in the background and remove its data'
complete -c rmq -n '__rmq_at "broker"; and __rmq_awaits_word' -a 'status' -d 'tell whether the RabbitMQ node in the background accepts connections'

# rmq publish
complete -c rmq -n '__rmq_at "publish"; and __rmq_lacks -q --queue' -l queue -s q -x -a '(__rmq_names queue)' -d 'queue to publish to'
complete -c rmq -n '__rmq_at "publish"; and __rmq_lacks -e --exchange' -l exchange -s e -x -a '(__rmq_names exchange)' -d 'exchange to publish to'
complete -c rmq -n '__rmq_at "publish"; and __rmq_lacks -r --routing-key' -l routing-key -s r -x -d 'routing key'
complete -c rmq -n '__rmq_at "publish"; and __rmq_lacks --content-type' -l content-type -x -d 'MIME type of the body'
complete -c rmq -n '__rmq_at "publish"; and __rmq_lacks --content-encoding' -l content-encoding -x -d 'encoding of the body, such as gzip'
complete -c rmq -n '__rmq_at "publish"' -l header -s H -x -d 'header; K:=JSON for numbers, booleans and typed values'
complete -c rmq -n '__rmq_at "publish"; and __rmq_lacks --priority' -l priority -x -d 'priority, 0 to 255'
complete -c rmq -n '__rmq_at "publish"; and __rmq_lacks --correlation-id' -l correlation-id -x -d 'correlation id'
complete -c rmq -n '__rmq_at "publish"; and __rmq_lacks --reply-to' -l reply-to -x -a '(__rmq_names queue)' -d 'queue for the reply'
complete -c rmq -n '__rmq_at "publish"; and __rmq_lacks --ttl' -l ttl -x -d 'the message expires in its queue after this long'
complete -c rmq -n '__rmq_at "publish"; and __rmq_lacks --message-id' -l message-id -x -d 'message id (one is made for each message)'
complete -c rmq -n '__rmq_at "publish"; and __rmq_lacks --timestamp' -l timestamp -x -d 'seconds since 1970'
complete -c rmq -n '__rmq_at "publish"; and __rmq_lacks --type' -l type -x -d 'type of the message'
complete -c rmq -n '__rmq_at "publish"; and __rmq_lacks --user-id' -l user-id -x -d 'user id; the broker checks it'
complete -c rmq -n '__rmq_at "publish"; and __rmq_lacks --app-id' -l app-id -x -d 'application id'
complete -c rmq -n '__rmq_at "publish"; and __rmq_lacks --transient' -l transient -d 'not persistent: may be lost when the broker restarts'
complete -c rmq -n '__rmq_at "publish"' -l file -s f -r -F -d 'read the body from a file (- is standard input); repeat it for a message each'
complete -c rmq -n '__rmq_at "publish"; and __rmq_lacks --lines' -l lines -d 'each line of the input is a message'
complete -c rmq -n '__rmq_at "publish"; and __rmq_lacks --envelopes' -l envelopes -d 'each line of the input is an envelope, as consume -o json prints it'
complete -c rmq -n '__rmq_at "publish"; and __rmq_lacks --keep-broker-headers' -l keep-broker-headers -d 'with --envelopes: publish x-death, x-delivery-count and their kind too, which a broker has written'
complete -c rmq -n '__rmq_at "publish"; and __rmq_lacks -n --count' -l count -s n -x -d 'publish the body N times; of lines or envelopes the first N'
complete -c rmq -n '__rmq_at "publish"; and __rmq_lacks --chomp' -l chomp -d 'drop one newline at the end of standard input or of a file'
complete -c rmq -n '__rmq_at "publish"; and __rmq_lacks --allow-empty' -l allow-empty -d 'send an empty message where standard input or a file is empty'
complete -c rmq -n '__rmq_at "publish"; and __rmq_lacks --template' -l template -d 'fill {{n}}, {{uuid}}, {{now}} and {{random 1 100}} in body, headers and key'
complete -c rmq -n '__rmq_at "publish"; and __rmq_lacks --data' -l data -r -F -d 'a message for each row of a .csv or .ndjson file, with its {{field}} filled in; -n N takes the first N'
complete -c rmq -n '__rmq_at "publish"; and __rmq_lacks --rate' -l rate -x -d 'at most N messages a second'
complete -c rmq -n '__rmq_at "publish"; and __rmq_lacks --window' -l window -x -d 'unconfirmed messages in flight (2000)'
complete -c rmq -n '__rmq_at "publish"; and __rmq_lacks --no-confirm' -l no-confirm -d 'do not wait for the broker to take responsibility'
complete -c rmq -n '__rmq_at "publish"; and __rmq_lacks --allow-unroutable' -l allow-unroutable -d 'accept that no queue is bound for the key'
complete -c rmq -n '__rmq_at "publish"; and __rmq_lacks --confirm-timeout' -l confirm-timeout -x -d 'connect again after this long without any confirm (30s)'
complete -c rmq -n '__rmq_at "publish"; and __rmq_lacks --timeout' -l timeout -x -d 'give up after this long'
complete -c rmq -n '__rmq_at "publish"; and __rmq_lacks --returned' -l returned -r -F -d 'add each message that no queue is bound for to a file, as an envelope for publish --envelopes'
complete -c rmq -n '__rmq_at "publish"; and __rmq_lacks --schema' -l schema -r -F -d 'send no body that does not satisfy this JSON Schema'
complete -c rmq -n '__rmq_at "publish"; and __rmq_lacks --delay' -l delay -x -d 'let messages wait this long in a durable queue before they go where they are sent'

# rmq consume
complete -c rmq -n '__rmq_at "consume"; and __rmq_lacks --prefetch' -l prefetch -x -d 'unacknowledged messages at a time (1000)'
complete -c rmq -n '__rmq_at "consume"; and __rmq_lacks -n --count' -l count -s n -x -d 'stop after N messages'
complete -c rmq -n '__rmq_at "consume"; and __rmq_lacks --idle' -l idle -x -d 'stop after this long without a message'
complete -c rmq -n '__rmq_at "consume"; and __rmq_lacks --timeout' -l timeout -x -d 'stop after this long'
complete -c rmq -n '__rmq_at "consume"; and __rmq_lacks --drain' -l drain -d 'stop at the depth that the queue has now'
complete -c rmq -n '__rmq_at "consume"; and __rmq_lacks --expect' -l expect -x -d 'fail unless exactly N messages come'
complete -c rmq -n '__rmq_at "consume"; and __rmq_lacks --settle' -l settle -x -d 'with --expect: how long to wait for a surplus after the Nth message (200ms; 0s: not at all)'
complete -c rmq -n '__rmq_at "consume"; and __rmq_lacks --requeue' -l requeue -d 'look, then return every message to the queue'
complete -c rmq -n '__rmq_at "consume"; and __rmq_lacks --reject' -l reject -d 'reject printed messages: dead-letter them'
complete -c rmq -n '__rmq_at "consume"; and __rmq_lacks --no-ack' -l no-ack -d 'let the queue forget messages once it has sent them'
complete -c rmq -n '__rmq_at "consume"; and __rmq_lacks --exclusive' -l exclusive -d 'allow no other consumer'
complete -c rmq -n '__rmq_at "consume"; and __rmq_lacks --priority' -l priority -x -d 'consumer priority; a higher one is served first'
complete -c rmq -n '__rmq_at "consume"; and __rmq_lacks --offset' -l offset -x -d 'where to begin in a stream: first, last, next, N, a time or an age such as 1h'
complete -c rmq -n '__rmq_at "consume"; and __rmq_lacks -0 --null' -l null -s 0 -d 'NUL instead of a newline after each body'
complete -c rmq -n '__rmq_at "consume"; and __rmq_lacks --json-body' -l json-body -d 'bodies that are JSON as bodyJson in envelopes'
complete -c rmq -n '__rmq_at "consume"' -l match -x -a 'headers \'headers["x-death"]\' \'headers["x-first-death-queue"]\' \'headers["x-delivery-count"]\' \'headers["x-rmq-reason"]\' \'headers["x-rmq-attempt"]\' body json exchange routingKey reason why queue count age size id messageType properties' -d 'each message must satisfy this CEL expression; repeat it for more'
complete -c rmq -n '__rmq_at "consume"; and __rmq_lacks --schema' -l schema -r -F -d 'each body must satisfy this JSON Schema'
complete -c rmq -n '__rmq_at "consume"; and __rmq_lacks --expect-file' -l expect-file -r -F -d 'exactly these messages must come: a file with a partial envelope a line'
complete -c rmq -n '__rmq_at "consume"; and __rmq_lacks --in-order' -l in-order -d 'with --expect-file: in the order of its lines'
complete -c rmq -n '__rmq_at "consume"; and __rmq_lacks --junit' -l junit -r -F -d 'write a JUnit report of what held and what did not'
complete -c rmq -n '__rmq_at "consume"; and __rmq_lacks --management-url' -l management-url -x -d 'the management API (RABBITMQ_MANAGEMENT_URL, else port 15672 of the broker\'s host)'
complete -c rmq -n '__rmq_argument "consume" 1' -a '(__rmq_names queue)'

# rmq peek
complete -c rmq -n '__rmq_at "peek"; and __rmq_lacks -n --count' -l count -s n -x -d 'stop after N messages; with --where, after N that match'
complete -c rmq -n '__rmq_at "peek"; and __rmq_lacks --where' -l where -x -a 'headers \'headers["x-death"]\' \'headers["x-first-death-queue"]\' \'headers["x-delivery-count"]\' \'headers["x-rmq-reason"]\' \'headers["x-rmq-attempt"]\' body json exchange routingKey reason why queue count age size id messageType properties' -d 'only messages for which this CEL expression is true, such as json.total > 99.5'
complete -c rmq -n '__rmq_at "peek"; and __rmq_lacks --last' -l last -x -d 'of a stream: begin N messages before its end'
complete -c rmq -n '__rmq_at "peek"; and __rmq_lacks --timeout' -l timeout -x -d 'stop after this long'
complete -c rmq -n '__rmq_at "peek"; and __rmq_lacks -0 --null' -l null -s 0 -d 'NUL instead of a newline after each body'
complete -c rmq -n '__rmq_at "peek"; and __rmq_lacks --json-body' -l json-body -d 'bodies that are JSON as bodyJson in envelopes'
complete -c rmq -n '__rmq_at "peek"; and __rmq_lacks --management-url' -l management-url -x -d 'the management API (RABBITMQ_MANAGEMENT_URL, else port 15672 of the broker\'s host)'
complete -c rmq -n '__rmq_argument "peek" 1' -a '(__rmq_names queue)'

# rmq tap
complete -c rmq -n '__rmq_at "tap"; and __rmq_lacks -q --queue' -l queue -s q -x -a '(__rmq_names queue)' -d 'instead of an exchange: what its bindings bring to this queue (asks the management API)'
complete -c rmq -n '__rmq_at "tap"; and __rmq_lacks --where' -l where -x -a 'headers \'headers["x-death"]\' \'headers["x-first-death-queue"]\' \'headers["x-delivery-count"]\' \'headers["x-rmq-reason"]\' \'headers["x-rmq-attempt"]\' body json exchange routingKey reason why queue count age size id messageType properties' -d 'only messages for which this CEL expression is true, such as json.total > 99.5'
complete -c rmq -n '__rmq_at "tap"; and __rmq_lacks -n --count' -l count -s n -x -d 'stop after N messages; with --where, after N that match'
complete -c rmq -n '__rmq_at "tap"; and __rmq_lacks --idle' -l idle -x -d 'stop after this long without a message'
complete -c rmq -n '__rmq_at "tap"; and __rmq_lacks --timeout' -l timeout -x -d 'stop after this long'
complete -c rmq -n '__rmq_at "tap"; and __rmq_lacks --expect' -l expect -x -d 'fail unless exactly N messages come'
complete -c rmq -n '__rmq_at "tap"; and __rmq_lacks --settle' -l settle -x -d 'with --expect: how long to wait for a surplus after the Nth message (200ms; 0s: not at all)'
complete -c rmq -n '__rmq_at "tap"; and __rmq_lacks --max-length' -l max-length -x -d 'copies that may wait for being printed; beyond that the oldest are dropped, and counted (100000)'
complete -c rmq -n '__rmq_at "tap"; and __rmq_lacks --max-length-bytes' -l max-length-bytes -x -d 'the same in bytes (64mb)'
complete -c rmq -n '__rmq_at "tap"; and __rmq_lacks -0 --null' -l null -s 0 -d 'NUL instead of a newline after each body'
complete -c rmq -n '__rmq_at "tap"; and __rmq_lacks --json-body' -l json-body -d 'bodies that are JSON as bodyJson in envelopes'
complete -c rmq -n '__rmq_at "tap"' -l match -x -a 'headers \'headers["x-death"]\' \'headers["x-first-death-queue"]\' \'headers["x-delivery-count"]\' \'headers["x-rmq-reason"]\' \'headers["x-rmq-attempt"]\' body json exchange routingKey reason why queue count age size id messageType properties' -d 'each message must satisfy this CEL expression; repeat it for more'
complete -c rmq -n '__rmq_at "tap"; and __rmq_lacks --schema' -l schema -r -F -d 'each body must satisfy this JSON Schema'
complete -c rmq -n '__rmq_at "tap"; and __rmq_lacks --expect-file' -l expect-file -r -F -d 'exactly these messages must come: a file with a partial envelope a line'
complete -c rmq -n '__rmq_at "tap"; and __rmq_lacks --in-order' -l in-order -d 'with --expect-file: in the order of its lines'
complete -c rmq -n '__rmq_at "tap"; and __rmq_lacks --junit' -l junit -r -F -d 'write a JUnit report of what held and what did not'
complete -c rmq -n '__rmq_at "tap"; and __rmq_lacks --management-url' -l management-url -x -d 'the management API (RABBITMQ_MANAGEMENT_URL, else port 15672 of the broker\'s host)'
complete -c rmq -n '__rmq_argument "tap" 1' -a '(__rmq_names exchange)'

# rmq queue list
complete -c rmq -n '__rmq_at "queue list"; and __rmq_lacks --where' -l where -x -a 'name type ready unacked consumers inRate outRate deadLetterTo policy state vhost messages bytes memory ackRate redeliverRate deadLetterExchange deadLetterRoutingKey durable autoDelete exclusive arguments node' -d 'only those for which this CEL expression over the columns is true, such as ready > 100'
complete -c rmq -n '__rmq_at "queue list"; and __rmq_lacks --sort' -l sort -x -a 'name type ready unacked consumers inRate outRate deadLetterTo policy state vhost messages bytes memory ackRate redeliverRate deadLetterExchange deadLetterRoutingKey durable autoDelete exclusive arguments node' -d 'the column to sort by: the largest number first, text in its order; FIELD:asc and FIELD:desc say which way'
complete -c rmq -n '__rmq_at "queue list"' -l columns -x -a 'name type ready unacked consumers inRate outRate deadLetterTo policy state vhost messages bytes memory ackRate redeliverRate deadLetterExchange deadLetterRoutingKey durable autoDelete exclusive arguments node' -d 'the columns to show'
complete -c rmq -n '__rmq_at "queue list"; and __rmq_lacks --vhost-all' -l vhost-all -d 'of every vhost'
complete -c rmq -n '__rmq_at "queue list"; and __rmq_lacks --management-url' -l management-url -x -d 'the management API (RABBITMQ_MANAGEMENT_URL, else port 15672 of the broker\'s host)'
complete -c rmq -n '__rmq_argument "queue list" 1 rest' -a '(__rmq_names queue)'

# rmq queue watch
complete -c rmq -n '__rmq_at "queue watch"; and __rmq_lacks --where' -l where -x -a 'name type ready unacked consumers inRate outRate deadLetterTo policy state vhost messages bytes memory ackRate redeliverRate deadLetterExchange deadLetterRoutingKey durable autoDelete exclusive arguments node' -d 'only those for which this CEL expression over the columns is true, such as ready > 100'
complete -c rmq -n '__rmq_at "queue watch"; and __rmq_lacks --sort' -l sort -x -a 'name type ready unacked consumers inRate outRate deadLetterTo policy state vhost messages bytes memory ackRate redeliverRate deadLetterExchange deadLetterRoutingKey durable autoDelete exclusive arguments node' -d 'the column to sort by: the largest number first, text in its order; FIELD:asc and FIELD:desc say which way'
complete -c rmq -n '__rmq_at "queue watch"' -l columns -x -a 'name type ready unacked consumers inRate outRate deadLetterTo policy state vhost messages bytes memory ackRate redeliverRate deadLetterExchange deadLetterRoutingKey durable autoDelete exclusive arguments node' -d 'the columns to show'
complete -c rmq -n '__rmq_at "queue watch"; and __rmq_lacks --vhost-all' -l vhost-all -d 'of every vhost'
complete -c rmq -n '__rmq_at "queue watch"; and __rmq_lacks --interval' -l interval -x -d 'the pause from one look to the next (2s)'
complete -c rmq -n '__rmq_at "queue watch"; and __rmq_lacks -n --count' -l count -s n -x -d 'leave after N looks'
complete -c rmq -n '__rmq_at "queue watch"; and __rmq_lacks --until' -l until -x -a 'name type ready unacked consumers inRate outRate deadLetterTo policy state vhost messages bytes memory ackRate redeliverRate deadLetterExchange deadLetterRoutingKey durable autoDelete exclusive arguments node' -d 'leave once this CEL expression is true for every queue, such as ready == 0; unacked of a quorum queue is up to 5s old'
complete -c rmq -n '__rmq_at "queue watch"; and __rmq_lacks --management-url' -l management-url -x -d 'the management API (RABBITMQ_MANAGEMENT_URL, else port 15672 of the broker\'s host)'
complete -c rmq -n '__rmq_argument "queue watch" 1 rest' -a '(__rmq_names queue)'

# rmq queue declare
complete -c rmq -n '__rmq_at "queue declare"; and __rmq_lacks --queue-type' -l queue-type -x -a 'classic quorum stream' -d 'type of the queue (what the vhost has for its default, mostly classic)'
complete -c rmq -n '__rmq_at "queue declare"; and __rmq_lacks --transient' -l transient -d 'it is gone when the broker restarts'
complete -c rmq -n '__rmq_at "queue declare"; and __rmq_lacks --auto-delete' -l auto-delete -d 'it is deleted with its last consumer'
complete -c rmq -n '__rmq_at "queue declare"; and __rmq_lacks --message-ttl' -l message-ttl -x -d 'how long it keeps messages'
complete -c rmq -n '__rmq_at "queue declare"; and __rmq_lacks --expires' -l expires -x -d 'delete it once it was unused for so long'
complete -c rmq -n '__rmq_at "queue declare"; and __rmq_lacks --max-length' -l max-length -x -d 'how many messages it holds'
complete -c rmq -n '__rmq_at "queue declare"; and __rmq_lacks --max-length-bytes --max-bytes' -l max-length-bytes -x -d 'how many bytes of messages it holds'
complete -c rmq -n '__rmq_at "queue declare"; and __rmq_lacks --overflow' -l overflow -x -a 'drop-head reject-publish reject-publish-dlx' -d 'what happens when it is full'
complete -c rmq -n '__rmq_at "queue declare"; and __rmq_lacks --dlx --dead-letter-exchange' -l dlx -x -a '(__rmq_names exchange)' -d 'its dead-letter exchange'
complete -c rmq -n '__rmq_at "queue declare"; and __rmq_lacks --dlx-routing-key --dead-letter-routing-key' -l dlx-routing-key -x -d 'routing key of its dead letters'
complete -c rmq -n '__rmq_at "queue declare"; and __rmq_lacks --dead-letter-strategy --dlx-strategy' -l dead-letter-strategy -x -a 'at-most-once at-least-once' -d 'how a quorum queue dead-letters'
complete -c rmq -n '__rmq_at "queue declare"; and __rmq_lacks --max-priority' -l max-priority -x -d 'highest priority of a classic queue'
complete -c rmq -n '__rmq_at "queue declare"; and __rmq_lacks --delivery-limit' -l delivery-limit -x -d 'deliveries of a message by a quorum queue; -1 for no limit'
complete -c rmq -n '__rmq_at "queue declare"; and __rmq_lacks --single-active-consumer' -l single-active-consumer -d 'one consumer at a time gets messages'
complete -c rmq -n '__rmq_at "queue declare"; and __rmq_lacks --queue-mode' -l queue-mode -x -a 'default lazy' -d 'where a classic queue keeps messages, before 3.12'
complete -c rmq -n '__rmq_at "queue declare"; and __rmq_lacks --queue-version' -l queue-version -x -d 'storage of a classic queue, 1 or 2'
complete -c rmq -n '__rmq_at "queue declare"; and __rmq_lacks --leader-locator' -l leader-locator -x -a 'client-local balanced' -d 'on which node its leader begins'
complete -c rmq -n '__rmq_at "queue declare"; and __rmq_lacks --quorum-initial-group-size --initial-group-size' -l quorum-initial-group-size -x -d 'replicas of a quorum queue'
complete -c rmq -n '__rmq_at "queue declare"; and __rmq_lacks --quorum-target-group-size --target-group-size' -l quorum-target-group-size -x -d 'replicas that a quorum queue grows to, from 3.13 on'
complete -c rmq -n '__rmq_at "queue declare"; and __rmq_lacks --stream-initial-cluster-size --initial-cluster-size' -l stream-initial-cluster-size -x -d 'replicas of a stream'
complete -c rmq -n '__rmq_at "queue declare"; and __rmq_lacks --max-age --stream-max-age' -l max-age -x -d 'how long a stream keeps messages: 7d, 12h, 1Y'
complete -c rmq -n '__rmq_at "queue declare"; and __rmq_lacks --max-segment-size --stream-max-segment-size' -l max-segment-size -x -d 'size of the files of a stream'
complete -c rmq -n '__rmq_at "queue declare"; and __rmq_lacks --filter-size --stream-filter-size' -l filter-size -x -d 'bytes of the filter of a stream, from 3.13 on'
complete -c rmq -n '__rmq_at "queue declare"' -l argument -x -d 'any other argument; K:=JSON for numbers and booleans'
complete -c rmq -n '__rmq_at "queue declare"' -l bind -x -d 'bind it to EXCHANGE, with KEY'
complete -c rmq -n '__rmq_argument "queue declare" 1' -a '(__rmq_names queue)'

# rmq queue status
complete -c rmq -n '__rmq_at "queue status"; and __rmq_lacks --management-url' -l management-url -x -d 'the management API (RABBITMQ_MANAGEMENT_URL, else port 15672 of the broker\'s host)'
complete -c rmq -n '__rmq_argument "queue status" 1 rest' -a '(__rmq_names queue)'

# rmq queue bind
complete -c rmq -n '__rmq_at "queue bind"' -l routing-key -s r -x -d 'a KEY, as a flag'
complete -c rmq -n '__rmq_at "queue bind"' -l match -x -d 'header that a message must have, for a headers exchange; K:=JSON for numbers and booleans'
complete -c rmq -n '__rmq_at "queue bind"; and __rmq_lacks --match-any' -l match-any -d 'one of these headers is enough'
complete -c rmq -n '__rmq_argument "queue bind" 1' -a '(__rmq_names queue)'
complete -c rmq -n '__rmq_argument "queue bind" 2' -a '(__rmq_names exchange)'

# rmq queue unbind
complete -c rmq -n '__rmq_at "queue unbind"' -l routing-key -s r -x -d 'a KEY, as a flag'
complete -c rmq -n '__rmq_at "queue unbind"' -l match -x -d 'header that a message must have, for a headers exchange; K:=JSON for numbers and booleans'
complete -c rmq -n '__rmq_at "queue unbind"; and __rmq_lacks --match-any' -l match-any -d 'one of these headers is enough'
complete -c rmq -n '__rmq_at "queue unbind"; and __rmq_lacks --management-url' -l management-url -x -d 'the management API (RABBITMQ_MANAGEMENT_URL, else port 15672 of the broker\'s host)'
complete -c rmq -n '__rmq_argument "queue unbind" 1' -a '(__rmq_names queue)'
complete -c rmq -n '__rmq_argument "queue unbind" 2' -a '(__rmq_names exchange)'

# rmq queue purge
complete -c rmq -n '__rmq_argument "queue purge" 1' -a '(__rmq_names queue)'

# rmq queue delete
complete -c rmq -n '__rmq_at "queue delete"; and __rmq_lacks --if-empty' -l if-empty -d 'only when a classic queue holds no messages, none are unacknowledged and none wait for a retry or a delay'
complete -c rmq -n '__rmq_at "queue delete"; and __rmq_lacks --if-unused' -l if-unused -d 'only when a classic queue has no consumers'
complete -c rmq -n '__rmq_at "queue delete"; and __rmq_lacks --if-exists' -l if-exists -d 'a queue that does not exist is no failure'
complete -c rmq -n '__rmq_at "queue delete"; and __rmq_lacks --force' -l force -d 'with --if-empty: also when it has consumers, which may hold unacknowledged messages'
complete -c rmq -n '__rmq_at "queue delete"; and __rmq_lacks --retries' -l retries -d 'the queues in which its messages wait (QUEUE.retry.…, QUEUE.delay.…) as well, with what is in them'
complete -c rmq -n '__rmq_at "queue delete"; and __rmq_lacks --management-url' -l management-url -x -d 'the management API (RABBITMQ_MANAGEMENT_URL, else port 15672 of the broker\'s host)'
complete -c rmq -n '__rmq_argument "queue delete" 1' -a '(__rmq_names queue)'

# rmq exchange list
complete -c rmq -n '__rmq_at "exchange list"; and __rmq_lacks --where' -l where -x -a 'name type durable autoDelete internal alternateExchange inRate outRate policy vhost arguments' -d 'only those for which this CEL expression over the columns is true, such as internal'
complete -c rmq -n '__rmq_at "exchange list"; and __rmq_lacks --sort' -l sort -x -a 'name type durable autoDelete internal alternateExchange inRate outRate policy vhost arguments' -d 'the column to sort by: the largest number first, text in its order; FIELD:asc and FIELD:desc say which way'
complete -c rmq -n '__rmq_at "exchange list"' -l columns -x -a 'name type durable autoDelete internal alternateExchange inRate outRate policy vhost arguments' -d 'the columns to show'
complete -c rmq -n '__rmq_at "exchange list"; and __rmq_lacks --vhost-all' -l vhost-all -d 'of every vhost'
complete -c rmq -n '__rmq_at "exchange list"; and __rmq_lacks --management-url' -l management-url -x -d 'the management API (RABBITMQ_MANAGEMENT_URL, else port 15672 of the broker\'s host)'

# rmq exchange declare
complete -c rmq -n '__rmq_at "exchange declare"; and __rmq_lacks --type' -l type -x -a 'direct fanout topic headers' -d 'direct, fanout, topic, headers, or the type of a plugin (direct)'
complete -c rmq -n '__rmq_at "exchange declare"; and __rmq_lacks --transient' -l transient -d 'it is gone when the broker restarts'
complete -c rmq -n '__rmq_at "exchange declare"; and __rmq_lacks --auto-delete' -l auto-delete -d 'it is deleted with its last binding'
complete -c rmq -n '__rmq_at "exchange declare"; and __rmq_lacks --internal' -l internal -d 'only other exchanges publish to it'
complete -c rmq -n '__rmq_at "exchange declare"; and __rmq_lacks --alternate-exchange' -l alternate-exchange -x -a '(__rmq_names exchange)' -d 'the exchange that gets what this one cannot route'
complete -c rmq -n '__rmq_at "exchange declare"' -l argument -x -d 'exchange argument; K:=JSON for numbers and booleans'
complete -c rmq -n '__rmq_argument "exchange declare" 1' -a '(__rmq_names exchange)'

# rmq exchange bind
complete -c rmq -n '__rmq_at "exchange bind"' -l routing-key -s r -x -d 'a KEY, as a flag'
complete -c rmq -n '__rmq_at "exchange bind"' -l match -x -d 'header that a message must have, for a headers exchange; K:=JSON for numbers and booleans'
complete -c rmq -n '__rmq_at "exchange bind"; and __rmq_lacks --match-any' -l match-any -d 'one of these headers is enough'
complete -c rmq -n '__rmq_argument "exchange bind" 1' -a '(__rmq_names exchange)'
complete -c rmq -n '__rmq_argument "exchange bind" 2' -a '(__rmq_names exchange)'

# rmq exchange unbind
complete -c rmq -n '__rmq_at "exchange unbind"' -l routing-key -s r -x -d 'a KEY, as a flag'
complete -c rmq -n '__rmq_at "exchange unbind"' -l match -x -d 'header that a message must have, for a headers exchange; K:=JSON for numbers and booleans'
complete -c rmq -n '__rmq_at "exchange unbind"; and __rmq_lacks --match-any' -l match-any -d 'one of these headers is enough'
complete -c rmq -n '__rmq_at "exchange unbind"; and __rmq_lacks --management-url' -l management-url -x -d 'the management API (RABBITMQ_MANAGEMENT_URL, else port 15672 of the broker\'s host)'
complete -c rmq -n '__rmq_argument "exchange unbind" 1' -a '(__rmq_names exchange)'
complete -c rmq -n '__rmq_argument "exchange unbind" 2' -a '(__rmq_names exchange)'

# rmq exchange delete
complete -c rmq -n '__rmq_at "exchange delete"; and __rmq_lacks --if-unused' -l if-unused -d 'only when nothing is bound to it'
complete -c rmq -n '__rmq_argument "exchange delete" 1' -a '(__rmq_names exchange)'

# rmq binding list
complete -c rmq -n '__rmq_at "binding list"; and __rmq_lacks --queue' -l queue -x -a '(__rmq_names queue)' -d 'only those of this queue'
complete -c rmq -n '__rmq_at "binding list"; and __rmq_lacks --exchange' -l exchange -x -a '(__rmq_names exchange)' -d 'only those from or to this exchange'
complete -c rmq -n '__rmq_at "binding list"; and __rmq_lacks --where' -l where -x -a 'source destinationType destination routingKey arguments vhost' -d 'only those for which this CEL expression over the columns is true, such as routingKey == "#"'
complete -c rmq -n '__rmq_at "binding list"; and __rmq_lacks --sort' -l sort -x -a 'source destinationType destination routingKey arguments vhost' -d 'the column to sort by: the largest number first, text in its order; FIELD:asc and FIELD:desc say which way'
complete -c rmq -n '__rmq_at "binding list"' -l columns -x -a 'source destinationType destination routingKey arguments vhost' -d 'the columns to show'
complete -c rmq -n '__rmq_at "binding list"; and __rmq_lacks --vhost-all' -l vhost-all -d 'of every vhost'
complete -c rmq -n '__rmq_at "binding list"; and __rmq_lacks --management-url' -l management-url -x -d 'the management API (RABBITMQ_MANAGEMENT_URL, else port 15672 of the broker\'s host)'

# rmq connection list
complete -c rmq -n '__rmq_at "connection list"; and __rmq_lacks --where' -l where -x -a 'name clientName user host state channels inRate outRate connectedAt vhost port tls protocol product version node' -d 'only those for which this CEL expression over the columns is true, such as user == "guest"'
complete -c rmq -n '__rmq_at "connection list"; and __rmq_lacks --sort' -l sort -x -a 'name clientName user host state channels inRate outRate connectedAt vhost port tls protocol product version node' -d 'the column to sort by: the largest number first, text in its order; FIELD:asc and FIELD:desc say which way'
complete -c rmq -n '__rmq_at "connection list"' -l columns -x -a 'name clientName user host state channels inRate outRate connectedAt vhost port tls protocol product version node' -d 'the columns to show'
complete -c rmq -n '__rmq_at "connection list"; and __rmq_lacks --vhost-all' -l vhost-all -d 'of every vhost'
complete -c rmq -n '__rmq_at "connection list"; and __rmq_lacks --management-url' -l management-url -x -d 'the management API (RABBITMQ_MANAGEMENT_URL, else port 15672 of the broker\'s host)'

# rmq consumer list
complete -c rmq -n '__rmq_at "consumer list"; and __rmq_lacks --where' -l where -x -a 'queue tag prefetch ackRequired active exclusive user connection vhost channel host arguments' -d 'only those for which this CEL expression over the columns is true, such as prefetch == 0'
complete -c rmq -n '__rmq_at "consumer list"; and __rmq_lacks --sort' -l sort -x -a 'queue tag prefetch ackRequired active exclusive user connection vhost channel host arguments' -d 'the column to sort by: the largest number first, text in its order; FIELD:asc and FIELD:desc say which way'
complete -c rmq -n '__rmq_at "consumer list"' -l columns -x -a 'queue tag prefetch ackRequired active exclusive user connection vhost channel host arguments' -d 'the columns to show'
complete -c rmq -n '__rmq_at "consumer list"; and __rmq_lacks --vhost-all' -l vhost-all -d 'of every vhost'
complete -c rmq -n '__rmq_at "consumer list"; and __rmq_lacks --management-url' -l management-url -x -d 'the management API (RABBITMQ_MANAGEMENT_URL, else port 15672 of the broker\'s host)'
complete -c rmq -n '__rmq_argument "consumer list" 1 rest' -a '(__rmq_names queue)'

# rmq work publish
complete -c rmq -n '__rmq_at "work publish"; and __rmq_lacks --queue-type' -l queue-type -x -a 'classic quorum' -d 'type of a queue that is declared (the default of the vhost)'
complete -c rmq -n '__rmq_at "work publish"; and __rmq_lacks --max-priority' -l max-priority -x -d 'highest priority of a classic queue that is declared'
complete -c rmq -n '__rmq_at "work publish"; and __rmq_lacks --message-ttl' -l message-ttl -x -d 'how long a queue that is declared keeps messages'
complete -c rmq -n '__rmq_at "work publish"; and __rmq_lacks --max-length' -l max-length -x -d 'how many messages a queue that is declared holds'
complete -c rmq -n '__rmq_at "work publish"; and __rmq_lacks --dlx' -l dlx -x -a '(__rmq_names exchange)' -d 'dead-letter exchange of a queue that is declared'
complete -c rmq -n '__rmq_at "work publish"; and __rmq_lacks --dlx-routing-key' -l dlx-routing-key -x -d 'routing key of its dead letters (failed)'
complete -c rmq -n '__rmq_at "work publish"; and __rmq_lacks --content-type' -l content-type -x -d 'MIME type of the body'
complete -c rmq -n '__rmq_at "work publish"; and __rmq_lacks --content-encoding' -l content-encoding -x -d 'encoding of the body, such as gzip'
complete -c rmq -n '__rmq_at "work publish"' -l header -s H -x -d 'header; K:=JSON for numbers, booleans and typed values'
complete -c rmq -n '__rmq_at "work publish"; and __rmq_lacks --priority' -l priority -x -d 'priority, 0 to 255'
complete -c rmq -n '__rmq_at "work publish"; and __rmq_lacks --correlation-id' -l correlation-id -x -d 'correlation id'
complete -c rmq -n '__rmq_at "work publish"; and __rmq_lacks --reply-to' -l reply-to -x -a '(__rmq_names queue)' -d 'queue for the reply'
complete -c rmq -n '__rmq_at "work publish"; and __rmq_lacks --ttl' -l ttl -x -d 'the message expires in its queue after this long'
complete -c rmq -n '__rmq_at "work publish"; and __rmq_lacks --message-id' -l message-id -x -d 'message id (one is made for each message)'
complete -c rmq -n '__rmq_at "work publish"; and __rmq_lacks --timestamp' -l timestamp -x -d 'seconds since 1970'
complete -c rmq -n '__rmq_at "work publish"; and __rmq_lacks --type' -l type -x -d 'type of the message'
complete -c rmq -n '__rmq_at "work publish"; and __rmq_lacks --user-id' -l user-id -x -d 'user id; the broker checks it'
complete -c rmq -n '__rmq_at "work publish"; and __rmq_lacks --app-id' -l app-id -x -d 'application id'
complete -c rmq -n '__rmq_at "work publish"; and __rmq_lacks --transient' -l transient -d 'not persistent: may be lost when the broker restarts'
complete -c rmq -n '__rmq_at "work publish"' -l file -s f -r -F -d 'read the body from a file (- is standard input); repeat it for a message each'
complete -c rmq -n '__rmq_at "work publish"; and __rmq_lacks --lines' -l lines -d 'each line of the input is a message'
complete -c rmq -n '__rmq_at "work publish"; and __rmq_lacks --envelopes' -l envelopes -d 'each line of the input is an envelope, as consume -o json prints it'
complete -c rmq -n '__rmq_at "work publish"; and __rmq_lacks --keep-broker-headers' -l keep-broker-headers -d 'with --envelopes: publish x-death, x-delivery-count and their kind too, which a broker has written'
complete -c rmq -n '__rmq_at "work publish"; and __rmq_lacks -n --count' -l count -s n -x -d 'publish the body N times; of lines or envelopes the first N'
complete -c rmq -n '__rmq_at "work publish"; and __rmq_lacks --chomp' -l chomp -d 'drop one newline at the end of standard input or of a file'
complete -c rmq -n '__rmq_at "work publish"; and __rmq_lacks --allow-empty' -l allow-empty -d 'send an empty message where standard input or a file is empty'
complete -c rmq -n '__rmq_at "work publish"; and __rmq_lacks --template' -l template -d 'fill {{n}}, {{uuid}}, {{now}} and {{random 1 100}} in body, headers and key'
complete -c rmq -n '__rmq_at "work publish"; and __rmq_lacks --data' -l data -r -F -d 'a message for each row of a .csv or .ndjson file, with its {{field}} filled in; -n N takes the first N'
complete -c rmq -n '__rmq_at "work publish"; and __rmq_lacks --rate' -l rate -x -d 'at most N messages a second'
complete -c rmq -n '__rmq_at "work publish"; and __rmq_lacks --window' -l window -x -d 'unconfirmed messages in flight (2000)'
complete -c rmq -n '__rmq_at "work publish"; and __rmq_lacks --no-confirm' -l no-confirm -d 'do not wait for the broker to take responsibility'
complete -c rmq -n '__rmq_at "work publish"; and __rmq_lacks --allow-unroutable' -l allow-unroutable -d 'accept that no queue is bound for the key'
complete -c rmq -n '__rmq_at "work publish"; and __rmq_lacks --confirm-timeout' -l confirm-timeout -x -d 'connect again after this long without any confirm (30s)'
complete -c rmq -n '__rmq_at "work publish"; and __rmq_lacks --timeout' -l timeout -x -d 'give up after this long'
complete -c rmq -n '__rmq_at "work publish"; and __rmq_lacks --returned' -l returned -r -F -d 'add each message that no queue is bound for to a file, as an envelope for publish --envelopes'
complete -c rmq -n '__rmq_at "work publish"; and __rmq_lacks --schema' -l schema -r -F -d 'send no body that does not satisfy this JSON Schema'
complete -c rmq -n '__rmq_at "work publish"; and __rmq_lacks --delay' -l delay -x -d 'let messages wait this long in a durable queue before they go where they are sent'
complete -c rmq -n '__rmq_argument "work publish" 1' -a '(__rmq_names queue)'

# rmq work run
complete -c rmq -n '__rmq_at "work run"; and __rmq_lacks --queue-type' -l queue-type -x -a 'classic quorum' -d 'type of a queue that is declared (the default of the vhost)'
complete -c rmq -n '__rmq_at "work run"; and __rmq_lacks --max-priority' -l max-priority -x -d 'highest priority of a classic queue that is declared'
complete -c rmq -n '__rmq_at "work run"; and __rmq_lacks --message-ttl' -l message-ttl -x -d 'how long a queue that is declared keeps messages'
complete -c rmq -n '__rmq_at "work run"; and __rmq_lacks --max-length' -l max-length -x -d 'how many messages a queue that is declared holds'
complete -c rmq -n '__rmq_at "work run"; and __rmq_lacks --dlx' -l dlx -x -a '(__rmq_names exchange)' -d 'dead-letter exchange of a queue that is declared'
complete -c rmq -n '__rmq_at "work run"; and __rmq_lacks --dlx-routing-key' -l dlx-routing-key -x -d 'routing key of its dead letters (failed)'
complete -c rmq -n '__rmq_at "work run"; and __rmq_lacks --concurrency' -l concurrency -x -d 'handlers at a time (1)'
complete -c rmq -n '__rmq_at "work run"; and __rmq_lacks --prefetch' -l prefetch -x -d 'unanswered messages at a time (as many as handlers; 100 each with --stream)'
complete -c rmq -n '__rmq_at "work run"; and __rmq_lacks --handler-timeout' -l handler-timeout -x -d 'kill a handler that takes longer, and count it as failed'
complete -c rmq -n '__rmq_at "work run"; and __rmq_lacks --retries' -l retries -x -d 'attempts after the first one (0)'
complete -c rmq -n '__rmq_at "work run"; and __rmq_lacks --backoff' -l backoff -x -d 'pause before the first retry, doubled up to the second (1s..1m)'
complete -c rmq -n '__rmq_at "work run"; and __rmq_lacks --requeue-delay' -l requeue-delay -x -d 'pause before a message is requeued (1s)'
complete -c rmq -n '__rmq_at "work run"; and __rmq_lacks --grace' -l grace -x -d 'how long handlers may continue once the run is stopped (30s)'
complete -c rmq -n '__rmq_at "work run"; and __rmq_lacks --drop-dead' -l drop-dead -d 'drop messages that fail for good when the queue has no dead-letter exchange'
complete -c rmq -n '__rmq_at "work run"; and __rmq_lacks --policy-dlx' -l policy-dlx -d 'a policy of the broker dead-letters rejected messages'
complete -c rmq -n '__rmq_at "work run"; and __rmq_lacks --fail-on-dead' -l fail-on-dead -d 'exit 1 when a message was dead-lettered or dropped'
complete -c rmq -n '__rmq_at "work run"; and __rmq_lacks -n --count' -l count -s n -x -d 'stop after N messages'
complete -c rmq -n '__rmq_at "work run"; and __rmq_lacks --idle' -l idle -x -d 'stop after this long without a message'
complete -c rmq -n '__rmq_at "work run"; and __rmq_lacks --drain' -l drain -d 'stop at the depth that the queue has now'
complete -c rmq -n '__rmq_at "work run"; and __rmq_lacks --timeout' -l timeout -x -d 'stop after this long'
complete -c rmq -n '__rmq_at "work run"; and __rmq_lacks --on-exit' -l on-exit -x -d 'what exit codes mean, such as 0=ack,3=dead,*=retry'
complete -c rmq -n '__rmq_at "work run"; and __rmq_lacks --fd3' -l fd3 -d 'the whole envelope on file descriptor 3'
complete -c rmq -n '__rmq_at "work run"; and __rmq_lacks --stream' -l stream -d 'one program for all messages: an envelope a line in, an answer a line out'
complete -c rmq -n '__rmq_argument "work run" 1' -a '(__rmq_names queue)'
complete -c rmq -n '__rmq_runs "work run"' -a '(__rmq_complete_command)'

# rmq fanout publish
complete -c rmq -n '__rmq_at "fanout publish"; and __rmq_lacks -r --routing-key' -l routing-key -s r -x -d 'routing key: a fanout exchange ignores it, receivers see it'
complete -c rmq -n '__rmq_at "fanout publish"; and __rmq_lacks --content-type' -l content-type -x -d 'MIME type of the body'
complete -c rmq -n '__rmq_at "fanout publish"; and __rmq_lacks --content-encoding' -l content-encoding -x -d 'encoding of the body, such as gzip'
complete -c rmq -n '__rmq_at "fanout publish"' -l header -s H -x -d 'header; K:=JSON for numbers, booleans and typed values'
complete -c rmq -n '__rmq_at "fanout publish"; and __rmq_lacks --priority' -l priority -x -d 'priority, 0 to 255'
complete -c rmq -n '__rmq_at "fanout publish"; and __rmq_lacks --correlation-id' -l correlation-id -x -d 'correlation id'
complete -c rmq -n '__rmq_at "fanout publish"; and __rmq_lacks --reply-to' -l reply-to -x -a '(__rmq_names queue)' -d 'queue for the reply'
complete -c rmq -n '__rmq_at "fanout publish"; and __rmq_lacks --ttl' -l ttl -x -d 'the message expires in its queue after this long'
complete -c rmq -n '__rmq_at "fanout publish"; and __rmq_lacks --message-id' -l message-id -x -d 'message id (one is made for each message)'
complete -c rmq -n '__rmq_at "fanout publish"; and __rmq_lacks --timestamp' -l timestamp -x -d 'seconds since 1970'
complete -c rmq -n '__rmq_at "fanout publish"; and __rmq_lacks --type' -l type -x -d 'type of the message'
complete -c rmq -n '__rmq_at "fanout publish"; and __rmq_lacks --user-id' -l user-id -x -d 'user id; the broker checks it'
complete -c rmq -n '__rmq_at "fanout publish"; and __rmq_lacks --app-id' -l app-id -x -d 'application id'
complete -c rmq -n '__rmq_at "fanout publish"; and __rmq_lacks --transient' -l transient -d 'not persistent: may be lost when the broker restarts'
complete -c rmq -n '__rmq_at "fanout publish"' -l file -s f -r -F -d 'read the body from a file (- is standard input); repeat it for a message each'
complete -c rmq -n '__rmq_at "fanout publish"; and __rmq_lacks --lines' -l lines -d 'each line of the input is a message'
complete -c rmq -n '__rmq_at "fanout publish"; and __rmq_lacks --envelopes' -l envelopes -d 'each line of the input is an envelope, as consume -o json prints it'
complete -c rmq -n '__rmq_at "fanout publish"; and __rmq_lacks --keep-broker-headers' -l keep-broker-headers -d 'with --envelopes: publish x-death, x-delivery-count and their kind too, which a broker has written'
complete -c rmq -n '__rmq_at "fanout publish"; and __rmq_lacks -n --count' -l count -s n -x -d 'publish the body N times; of lines or envelopes the first N'
complete -c rmq -n '__rmq_at "fanout publish"; and __rmq_lacks --chomp' -l chomp -d 'drop one newline at the end of standard input or of a file'
complete -c rmq -n '__rmq_at "fanout publish"; and __rmq_lacks --allow-empty' -l allow-empty -d 'send an empty message where standard input or a file is empty'
complete -c rmq -n '__rmq_at "fanout publish"; and __rmq_lacks --template' -l template -d 'fill {{n}}, {{uuid}}, {{now}} and {{random 1 100}} in body, headers and key'
complete -c rmq -n '__rmq_at "fanout publish"; and __rmq_lacks --data' -l data -r -F -d 'a message for each row of a .csv or .ndjson file, with its {{field}} filled in; -n N takes the first N'
complete -c rmq -n '__rmq_at "fanout publish"; and __rmq_lacks --rate' -l rate -x -d 'at most N messages a second'
complete -c rmq -n '__rmq_at "fanout publish"; and __rmq_lacks --window' -l window -x -d 'unconfirmed messages in flight (2000)'
complete -c rmq -n '__rmq_at "fanout publish"; and __rmq_lacks --no-confirm' -l no-confirm -d 'do not wait for the broker to take responsibility'
complete -c rmq -n '__rmq_at "fanout publish"; and __rmq_lacks --allow-unroutable' -l allow-unroutable -d 'accept that no queue is bound for the key'
complete -c rmq -n '__rmq_at "fanout publish"; and __rmq_lacks --confirm-timeout' -l confirm-timeout -x -d 'connect again after this long without any confirm (30s)'
complete -c rmq -n '__rmq_at "fanout publish"; and __rmq_lacks --timeout' -l timeout -x -d 'give up after this long'
complete -c rmq -n '__rmq_at "fanout publish"; and __rmq_lacks --returned' -l returned -r -F -d 'add each message that no queue is bound for to a file, as an envelope for publish --envelopes'
complete -c rmq -n '__rmq_at "fanout publish"; and __rmq_lacks --schema' -l schema -r -F -d 'send no body that does not satisfy this JSON Schema'
complete -c rmq -n '__rmq_at "fanout publish"; and __rmq_lacks --delay' -l delay -x -d 'let messages wait this long in a durable queue before they go where they are sent'
complete -c rmq -n '__rmq_argument "fanout publish" 1' -a '(__rmq_names exchange)'

# rmq fanout subscribe
complete -c rmq -n '__rmq_at "fanout subscribe"; and __rmq_lacks --queue-type' -l queue-type -x -a 'classic quorum' -d 'type of a queue that is declared (the default of the vhost)'
complete -c rmq -n '__rmq_at "fanout subscribe"; and __rmq_lacks --prefetch' -l prefetch -x -d 'unacknowledged messages at a time (10)'
complete -c rmq -n '__rmq_at "fanout subscribe"; and __rmq_lacks -n --count' -l count -s n -x -d 'stop after N messages'
complete -c rmq -n '__rmq_at "fanout subscribe"; and __rmq_lacks --idle' -l idle -x -d 'stop after this long without a message'
complete -c rmq -n '__rmq_at "fanout subscribe"; and __rmq_lacks --timeout' -l timeout -x -d 'stop after this long'
complete -c rmq -n '__rmq_at "fanout subscribe"; and __rmq_lacks --drain' -l drain -d 'stop at the depth that the queue has now'
complete -c rmq -n '__rmq_at "fanout subscribe"; and __rmq_lacks --expect' -l expect -x -d 'fail unless exactly N messages come'
complete -c rmq -n '__rmq_at "fanout subscribe"; and __rmq_lacks --settle' -l settle -x -d 'with --expect: how long to wait for a surplus after the Nth message (200ms; 0s: not at all)'
complete -c rmq -n '__rmq_at "fanout subscribe"; and __rmq_lacks --requeue' -l requeue -d 'look, then return every message to the queue'
complete -c rmq -n '__rmq_at "fanout subscribe"; and __rmq_lacks --reject' -l reject -d 'reject printed messages: dead-letter them'
complete -c rmq -n '__rmq_at "fanout subscribe"; and __rmq_lacks --no-ack' -l no-ack -d 'let the queue forget messages once it has sent them'
complete -c rmq -n '__rmq_at "fanout subscribe"; and __rmq_lacks --exclusive' -l exclusive -d 'allow no other consumer'
complete -c rmq -n '__rmq_at "fanout subscribe"; and __rmq_lacks --priority' -l priority -x -d 'consumer priority; a higher one is served first'
complete -c rmq -n '__rmq_at "fanout subscribe"; and __rmq_lacks --offset' -l offset -x -d 'where to begin in a stream: first, last, next, N, a time or an age such as 1h'
complete -c rmq -n '__rmq_at "fanout subscribe"; and __rmq_lacks -0 --null' -l null -s 0 -d 'NUL instead of a newline after each body'
complete -c rmq -n '__rmq_at "fanout subscribe"; and __rmq_lacks --json-body' -l json-body -d 'bodies that are JSON as bodyJson in envelopes'
complete -c rmq -n '__rmq_at "fanout subscribe"' -l match -x -a 'headers \'headers["x-death"]\' \'headers["x-first-death-queue"]\' \'headers["x-delivery-count"]\' \'headers["x-rmq-reason"]\' \'headers["x-rmq-attempt"]\' body json exchange routingKey reason why queue count age size id messageType properties' -d 'each message must satisfy this CEL expression; repeat it for more'
complete -c rmq -n '__rmq_at "fanout subscribe"; and __rmq_lacks --schema' -l schema -r -F -d 'each body must satisfy this JSON Schema'
complete -c rmq -n '__rmq_at "fanout subscribe"; and __rmq_lacks --expect-file' -l expect-file -r -F -d 'exactly these messages must come: a file with a partial envelope a line'
complete -c rmq -n '__rmq_at "fanout subscribe"; and __rmq_lacks --in-order' -l in-order -d 'with --expect-file: in the order of its lines'
complete -c rmq -n '__rmq_at "fanout subscribe"; and __rmq_lacks --junit' -l junit -r -F -d 'write a JUnit report of what held and what did not'
complete -c rmq -n '__rmq_at "fanout subscribe"; and __rmq_lacks --concurrency' -l concurrency -x -d 'handlers at a time (1)'
complete -c rmq -n '__rmq_at "fanout subscribe"; and __rmq_lacks --handler-timeout' -l handler-timeout -x -d 'kill a handler that takes longer, and count it as failed'
complete -c rmq -n '__rmq_at "fanout subscribe"; and __rmq_lacks --retries' -l retries -x -d 'attempts after the first one (0)'
complete -c rmq -n '__rmq_at "fanout subscribe"; and __rmq_lacks --backoff' -l backoff -x -d 'pause before the first retry, doubled up to the second (1s..1m)'
complete -c rmq -n '__rmq_at "fanout subscribe"; and __rmq_lacks --requeue-delay' -l requeue-delay -x -d 'pause before a message is requeued (1s)'
complete -c rmq -n '__rmq_at "fanout subscribe"; and __rmq_lacks --grace' -l grace -x -d 'how long handlers may continue once the run is stopped (30s)'
complete -c rmq -n '__rmq_at "fanout subscribe"; and __rmq_lacks --drop-dead' -l drop-dead -d 'drop messages that fail for good when the queue has no dead-letter exchange'
complete -c rmq -n '__rmq_at "fanout subscribe"; and __rmq_lacks --policy-dlx' -l policy-dlx -d 'a policy of the broker dead-letters rejected messages'
complete -c rmq -n '__rmq_at "fanout subscribe"; and __rmq_lacks --fail-on-dead' -l fail-on-dead -d 'exit 1 when a message was dead-lettered or dropped'
complete -c rmq -n '__rmq_at "fanout subscribe"; and __rmq_lacks --max-priority' -l max-priority -x -d 'highest priority of a classic queue that is declared'
complete -c rmq -n '__rmq_at "fanout subscribe"; and __rmq_lacks --message-ttl' -l message-ttl -x -d 'how long a queue that is declared keeps messages'
complete -c rmq -n '__rmq_at "fanout subscribe"; and __rmq_lacks --max-length' -l max-length -x -d 'how many messages a queue that is declared holds'
complete -c rmq -n '__rmq_at "fanout subscribe"; and __rmq_lacks --dlx' -l dlx -x -a '(__rmq_names exchange)' -d 'dead-letter exchange of a queue that is declared'
complete -c rmq -n '__rmq_at "fanout subscribe"; and __rmq_lacks --dlx-routing-key' -l dlx-routing-key -x -d 'routing key of its dead letters (failed)'
complete -c rmq -n '__rmq_at "fanout subscribe"; and __rmq_lacks --on-exit' -l on-exit -x -d 'what exit codes mean, such as 0=ack,3=dead,*=retry'
complete -c rmq -n '__rmq_at "fanout subscribe"; and __rmq_lacks --fd3' -l fd3 -d 'the whole envelope on file descriptor 3'
complete -c rmq -n '__rmq_at "fanout subscribe"; and __rmq_lacks --stream' -l stream -d 'one program for all messages: an envelope a line in, an answer a line out'
complete -c rmq -n '__rmq_argument "fanout subscribe" 1' -a '(__rmq_names exchange)'

# rmq topic publish
complete -c rmq -n '__rmq_at "topic publish"; and __rmq_lacks --content-type' -l content-type -x -d 'MIME type of the body'
complete -c rmq -n '__rmq_at "topic publish"; and __rmq_lacks --content-encoding' -l content-encoding -x -d 'encoding of the body, such as gzip'
complete -c rmq -n '__rmq_at "topic publish"' -l header -s H -x -d 'header; K:=JSON for numbers, booleans and typed values'
complete -c rmq -n '__rmq_at "topic publish"; and __rmq_lacks --priority' -l priority -x -d 'priority, 0 to 255'
complete -c rmq -n '__rmq_at "topic publish"; and __rmq_lacks --correlation-id' -l correlation-id -x -d 'correlation id'
complete -c rmq -n '__rmq_at "topic publish"; and __rmq_lacks --reply-to' -l reply-to -x -a '(__rmq_names queue)' -d 'queue for the reply'
complete -c rmq -n '__rmq_at "topic publish"; and __rmq_lacks --ttl' -l ttl -x -d 'the message expires in its queue after this long'
complete -c rmq -n '__rmq_at "topic publish"; and __rmq_lacks --message-id' -l message-id -x -d 'message id (one is made for each message)'
complete -c rmq -n '__rmq_at "topic publish"; and __rmq_lacks --timestamp' -l timestamp -x -d 'seconds since 1970'
complete -c rmq -n '__rmq_at "topic publish"; and __rmq_lacks --type' -l type -x -d 'type of the message'
complete -c rmq -n '__rmq_at "topic publish"; and __rmq_lacks --user-id' -l user-id -x -d 'user id; the broker checks it'
complete -c rmq -n '__rmq_at "topic publish"; and __rmq_lacks --app-id' -l app-id -x -d 'application id'
complete -c rmq -n '__rmq_at "topic publish"; and __rmq_lacks --transient' -l transient -d 'not persistent: may be lost when the broker restarts'
complete -c rmq -n '__rmq_at "topic publish"' -l file -s f -r -F -d 'read the body from a file (- is standard input); repeat it for a message each'
complete -c rmq -n '__rmq_at "topic publish"; and __rmq_lacks --lines' -l lines -d 'each line of the input is a message'
complete -c rmq -n '__rmq_at "topic publish"; and __rmq_lacks --envelopes' -l envelopes -d 'each line of the input is an envelope, as consume -o json prints it'
complete -c rmq -n '__rmq_at "topic publish"; and __rmq_lacks --keep-broker-headers' -l keep-broker-headers -d 'with --envelopes: publish x-death, x-delivery-count and their kind too, which a broker has written'
complete -c rmq -n '__rmq_at "topic publish"; and __rmq_lacks -n --count' -l count -s n -x -d 'publish the body N times; of lines or envelopes the first N'
complete -c rmq -n '__rmq_at "topic publish"; and __rmq_lacks --chomp' -l chomp -d 'drop one newline at the end of standard input or of a file'
complete -c rmq -n '__rmq_at "topic publish"; and __rmq_lacks --allow-empty' -l allow-empty -d 'send an empty message where standard input or a file is empty'
complete -c rmq -n '__rmq_at "topic publish"; and __rmq_lacks --template' -l template -d 'fill {{n}}, {{uuid}}, {{now}} and {{random 1 100}} in body, headers and key'
complete -c rmq -n '__rmq_at "topic publish"; and __rmq_lacks --data' -l data -r -F -d 'a message for each row of a .csv or .ndjson file, with its {{field}} filled in; -n N takes the first N'
complete -c rmq -n '__rmq_at "topic publish"; and __rmq_lacks --rate' -l rate -x -d 'at most N messages a second'
complete -c rmq -n '__rmq_at "topic publish"; and __rmq_lacks --window' -l window -x -d 'unconfirmed messages in flight (2000)'
complete -c rmq -n '__rmq_at "topic publish"; and __rmq_lacks --no-confirm' -l no-confirm -d 'do not wait for the broker to take responsibility'
complete -c rmq -n '__rmq_at "topic publish"; and __rmq_lacks --allow-unroutable' -l allow-unroutable -d 'accept that no queue is bound for the key'
complete -c rmq -n '__rmq_at "topic publish"; and __rmq_lacks --confirm-timeout' -l confirm-timeout -x -d 'connect again after this long without any confirm (30s)'
complete -c rmq -n '__rmq_at "topic publish"; and __rmq_lacks --timeout' -l timeout -x -d 'give up after this long'
complete -c rmq -n '__rmq_at "topic publish"; and __rmq_lacks --returned' -l returned -r -F -d 'add each message that no queue is bound for to a file, as an envelope for publish --envelopes'
complete -c rmq -n '__rmq_at "topic publish"; and __rmq_lacks --schema' -l schema -r -F -d 'send no body that does not satisfy this JSON Schema'
complete -c rmq -n '__rmq_at "topic publish"; and __rmq_lacks --delay' -l delay -x -d 'let messages wait this long in a durable queue before they go where they are sent'
complete -c rmq -n '__rmq_argument "topic publish" 1' -a '(__rmq_names exchange)'

# rmq topic subscribe
complete -c rmq -n '__rmq_at "topic subscribe"; and __rmq_lacks --queue' -l queue -x -a '(__rmq_names queue)' -d 'a durable queue of this name, declared when it is missing; without it, a temporary one'
complete -c rmq -n '__rmq_at "topic subscribe"; and __rmq_lacks --queue-type' -l queue-type -x -a 'classic quorum' -d 'type of a queue that is declared (the default of the vhost)'
complete -c rmq -n '__rmq_at "topic subscribe"; and __rmq_lacks --prefetch' -l prefetch -x -d 'unacknowledged messages at a time (10)'
complete -c rmq -n '__rmq_at "topic subscribe"; and __rmq_lacks -n --count' -l count -s n -x -d 'stop after N messages'
complete -c rmq -n '__rmq_at "topic subscribe"; and __rmq_lacks --idle' -l idle -x -d 'stop after this long without a message'
complete -c rmq -n '__rmq_at "topic subscribe"; and __rmq_lacks --timeout' -l timeout -x -d 'stop after this long'
complete -c rmq -n '__rmq_at "topic subscribe"; and __rmq_lacks --drain' -l drain -d 'stop at the depth that the queue has now'
complete -c rmq -n '__rmq_at "topic subscribe"; and __rmq_lacks --expect' -l expect -x -d 'fail unless exactly N messages come'
complete -c rmq -n '__rmq_at "topic subscribe"; and __rmq_lacks --settle' -l settle -x -d 'with --expect: how long to wait for a surplus after the Nth message (200ms; 0s: not at all)'
complete -c rmq -n '__rmq_at "topic subscribe"; and __rmq_lacks --requeue' -l requeue -d 'look, then return every message to the queue'
complete -c rmq -n '__rmq_at "topic subscribe"; and __rmq_lacks --reject' -l reject -d 'reject printed messages: dead-letter them'
complete -c rmq -n '__rmq_at "topic subscribe"; and __rmq_lacks --no-ack' -l no-ack -d 'let the queue forget messages once it has sent them'
complete -c rmq -n '__rmq_at "topic subscribe"; and __rmq_lacks --exclusive' -l exclusive -d 'allow no other consumer'
complete -c rmq -n '__rmq_at "topic subscribe"; and __rmq_lacks --priority' -l priority -x -d 'consumer priority; a higher one is served first'
complete -c rmq -n '__rmq_at "topic subscribe"; and __rmq_lacks --offset' -l offset -x -d 'where to begin in a stream: first, last, next, N, a time or an age such as 1h'
complete -c rmq -n '__rmq_at "topic subscribe"; and __rmq_lacks -0 --null' -l null -s 0 -d 'NUL instead of a newline after each body'
complete -c rmq -n '__rmq_at "topic subscribe"; and __rmq_lacks --json-body' -l json-body -d 'bodies that are JSON as bodyJson in envelopes'
complete -c rmq -n '__rmq_at "topic subscribe"' -l match -x -a 'headers \'headers["x-death"]\' \'headers["x-first-death-queue"]\' \'headers["x-delivery-count"]\' \'headers["x-rmq-reason"]\' \'headers["x-rmq-attempt"]\' body json exchange routingKey reason why queue count age size id messageType properties' -d 'each message must satisfy this CEL expression; repeat it for more'
complete -c rmq -n '__rmq_at "topic subscribe"; and __rmq_lacks --schema' -l schema -r -F -d 'each body must satisfy this JSON Schema'
complete -c rmq -n '__rmq_at "topic subscribe"; and __rmq_lacks --expect-file' -l expect-file -r -F -d 'exactly these messages must come: a file with a partial envelope a line'
complete -c rmq -n '__rmq_at "topic subscribe"; and __rmq_lacks --in-order' -l in-order -d 'with --expect-file: in the order of its lines'
complete -c rmq -n '__rmq_at "topic subscribe"; and __rmq_lacks --junit' -l junit -r -F -d 'write a JUnit report of what held and what did not'
complete -c rmq -n '__rmq_at "topic subscribe"; and __rmq_lacks --concurrency' -l concurrency -x -d 'handlers at a time (1)'
complete -c rmq -n '__rmq_at "topic subscribe"; and __rmq_lacks --handler-timeout' -l handler-timeout -x -d 'kill a handler that takes longer, and count it as failed'
complete -c rmq -n '__rmq_at "topic subscribe"; and __rmq_lacks --retries' -l retries -x -d 'attempts after the first one (0)'
complete -c rmq -n '__rmq_at "topic subscribe"; and __rmq_lacks --backoff' -l backoff -x -d 'pause before the first retry, doubled up to the second (1s..1m)'
complete -c rmq -n '__rmq_at "topic subscribe"; and __rmq_lacks --requeue-delay' -l requeue-delay -x -d 'pause before a message is requeued (1s)'
complete -c rmq -n '__rmq_at "topic subscribe"; and __rmq_lacks --grace' -l grace -x -d 'how long handlers may continue once the run is stopped (30s)'
complete -c rmq -n '__rmq_at "topic subscribe"; and __rmq_lacks --drop-dead' -l drop-dead -d 'drop messages that fail for good when the queue has no dead-letter exchange'
complete -c rmq -n '__rmq_at "topic subscribe"; and __rmq_lacks --policy-dlx' -l policy-dlx -d 'a policy of the broker dead-letters rejected messages'
complete -c rmq -n '__rmq_at "topic subscribe"; and __rmq_lacks --fail-on-dead' -l fail-on-dead -d 'exit 1 when a message was dead-lettered or dropped'
complete -c rmq -n '__rmq_at "topic subscribe"; and __rmq_lacks --max-priority' -l max-priority -x -d 'highest priority of a classic queue that is declared'
complete -c rmq -n '__rmq_at "topic subscribe"; and __rmq_lacks --message-ttl' -l message-ttl -x -d 'how long a queue that is declared keeps messages'
complete -c rmq -n '__rmq_at "topic subscribe"; and __rmq_lacks --max-length' -l max-length -x -d 'how many messages a queue that is declared holds'
complete -c rmq -n '__rmq_at "topic subscribe"; and __rmq_lacks --dlx' -l dlx -x -a '(__rmq_names exchange)' -d 'dead-letter exchange of a queue that is declared'
complete -c rmq -n '__rmq_at "topic subscribe"; and __rmq_lacks --dlx-routing-key' -l dlx-routing-key -x -d 'routing key of its dead letters (failed)'
complete -c rmq -n '__rmq_at "topic subscribe"; and __rmq_lacks --on-exit' -l on-exit -x -d 'what exit codes mean, such as 0=ack,3=dead,*=retry'
complete -c rmq -n '__rmq_at "topic subscribe"; and __rmq_lacks --fd3' -l fd3 -d 'the whole envelope on file descriptor 3'
complete -c rmq -n '__rmq_at "topic subscribe"; and __rmq_lacks --stream' -l stream -d 'one program for all messages: an envelope a line in, an answer a line out'
complete -c rmq -n '__rmq_argument "topic subscribe" 1' -a '(__rmq_names exchange)'

# rmq topic match
complete -c rmq -n '__rmq_at "topic match"; and __rmq_lacks --explain' -l explain -d 'say which word does not match'

# rmq rpc call
complete -c rmq -n '__rmq_at "rpc call"; and __rmq_lacks --timeout' -l timeout -x -d 'give up a call after this long (30s)'
complete -c rmq -n '__rmq_at "rpc call"; and __rmq_lacks --concurrency' -l concurrency -x -d 'calls at a time (10)'
complete -c rmq -n '__rmq_at "rpc call"; and __rmq_lacks --idempotent' -l idempotent -d 'send a request again when its reply may be lost with the connection'
complete -c rmq -n '__rmq_at "rpc call"; and __rmq_lacks --content-type' -l content-type -x -d 'MIME type of the body'
complete -c rmq -n '__rmq_at "rpc call"; and __rmq_lacks --content-encoding' -l content-encoding -x -d 'encoding of the body, such as gzip'
complete -c rmq -n '__rmq_at "rpc call"' -l header -s H -x -d 'header; K:=JSON for numbers, booleans and typed values'
complete -c rmq -n '__rmq_at "rpc call"; and __rmq_lacks --priority' -l priority -x -d 'priority, 0 to 255'
complete -c rmq -n '__rmq_at "rpc call"; and __rmq_lacks --ttl' -l ttl -x -d 'the message expires in its queue after this long'
complete -c rmq -n '__rmq_at "rpc call"; and __rmq_lacks --message-id' -l message-id -x -d 'message id (one is made for each message)'
complete -c rmq -n '__rmq_at "rpc call"; and __rmq_lacks --timestamp' -l timestamp -x -d 'seconds since 1970'
complete -c rmq -n '__rmq_at "rpc call"; and __rmq_lacks --type' -l type -x -d 'type of the message'
complete -c rmq -n '__rmq_at "rpc call"; and __rmq_lacks --user-id' -l user-id -x -d 'user id; the broker checks it'
complete -c rmq -n '__rmq_at "rpc call"; and __rmq_lacks --app-id' -l app-id -x -d 'application id'
complete -c rmq -n '__rmq_at "rpc call"' -l file -s f -r -F -d 'read the body from a file (- is standard input); repeat it for a message each'
complete -c rmq -n '__rmq_at "rpc call"; and __rmq_lacks --lines' -l lines -d 'each line of the input is a message'
complete -c rmq -n '__rmq_at "rpc call"; and __rmq_lacks --envelopes' -l envelopes -d 'each line of the input is an envelope, as consume -o json prints it'
complete -c rmq -n '__rmq_at "rpc call"; and __rmq_lacks --keep-broker-headers' -l keep-broker-headers -d 'with --envelopes: publish x-death, x-delivery-count and their kind too, which a broker has written'
complete -c rmq -n '__rmq_at "rpc call"; and __rmq_lacks -n --count' -l count -s n -x -d 'make the call N times; of lines or envelopes the first N'
complete -c rmq -n '__rmq_at "rpc call"; and __rmq_lacks --chomp' -l chomp -d 'drop one newline at the end of standard input or of a file'
complete -c rmq -n '__rmq_at "rpc call"; and __rmq_lacks --allow-empty' -l allow-empty -d 'send an empty message where standard input or a file is empty'
complete -c rmq -n '__rmq_at "rpc call"; and __rmq_lacks -0 --null' -l null -s 0 -d 'NUL instead of a newline after each body'
complete -c rmq -n '__rmq_at "rpc call"; and __rmq_lacks --json-body' -l json-body -d 'bodies that are JSON as bodyJson in envelopes'
complete -c rmq -n '__rmq_at "rpc call"' -l match -x -a 'headers \'headers["x-death"]\' \'headers["x-first-death-queue"]\' \'headers["x-delivery-count"]\' \'headers["x-rmq-reason"]\' \'headers["x-rmq-attempt"]\' body json exchange routingKey reason why queue count age size id messageType properties' -d 'each message must satisfy this CEL expression; repeat it for more'
complete -c rmq -n '__rmq_at "rpc call"; and __rmq_lacks --schema' -l schema -r -F -d 'each body must satisfy this JSON Schema'
complete -c rmq -n '__rmq_at "rpc call"; and __rmq_lacks --expect-file' -l expect-file -r -F -d 'exactly these messages must come: a file with a partial envelope a line'
complete -c rmq -n '__rmq_at "rpc call"; and __rmq_lacks --in-order' -l in-order -d 'with --expect-file: in the order of its lines'
complete -c rmq -n '__rmq_at "rpc call"; and __rmq_lacks --junit' -l junit -r -F -d 'write a JUnit report of what held and what did not'
complete -c rmq -n '__rmq_argument "rpc call" 1' -a '(__rmq_names queue)'

# rmq rpc serve
complete -c rmq -n '__rmq_at "rpc serve"; and __rmq_lacks --queue-type' -l queue-type -x -a 'classic quorum' -d 'type of a queue that is declared (the default of the vhost)'
complete -c rmq -n '__rmq_at "rpc serve"; and __rmq_lacks --concurrency' -l concurrency -x -d 'handlers at a time (1)'
complete -c rmq -n '__rmq_at "rpc serve"; and __rmq_lacks --handler-timeout' -l handler-timeout -x -d 'kill a handler that takes longer, and answer with exit code 124'
complete -c rmq -n '__rmq_at "rpc serve"; and __rmq_lacks --grace' -l grace -x -d 'how long handlers may continue once the run is stopped (30s)'
complete -c rmq -n '__rmq_at "rpc serve"; and __rmq_lacks --reply-content-type' -l reply-content-type -x -d 'MIME type of the replies'
complete -c rmq -n '__rmq_at "rpc serve"; and __rmq_lacks -n --count' -l count -s n -x -d 'stop after N requests'
complete -c rmq -n '__rmq_at "rpc serve"; and __rmq_lacks --idle' -l idle -x -d 'stop after this long without a request'
complete -c rmq -n '__rmq_at "rpc serve"; and __rmq_lacks --timeout' -l timeout -x -d 'stop after this long'
complete -c rmq -n '__rmq_at "rpc serve"; and __rmq_lacks --fd3' -l fd3 -d 'the whole envelope on file descriptor 3'
complete -c rmq -n '__rmq_at "rpc serve"; and __rmq_lacks --max-reply' -l max-reply -x -d 'kill a handler that prints more, and answer with exit code 74 (16mb)'
complete -c rmq -n '__rmq_argument "rpc serve" 1' -a '(__rmq_names queue)'
complete -c rmq -n '__rmq_runs "rpc serve"' -a '(__rmq_complete_command)'

# rmq dlx setup
complete -c rmq -n '__rmq_at "dlx setup"; and __rmq_lacks --dlx' -l dlx -x -a '(__rmq_names exchange)' -d 'the dead-letter exchange, direct (dlx)'
complete -c rmq -n '__rmq_at "dlx setup"; and __rmq_lacks --dlx-routing-key' -l dlx-routing-key -x -d 'the routing key of its dead letters (failed)'
complete -c rmq -n '__rmq_at "dlx setup"; and __rmq_lacks --dead-queue' -l dead-queue -x -a '(__rmq_names queue)' -d 'the queue that keeps dead letters (dead.letters)'
complete -c rmq -n '__rmq_at "dlx setup"; and __rmq_lacks --dead-ttl' -l dead-ttl -x -d 'how long they are kept (7d)'
complete -c rmq -n '__rmq_at "dlx setup"; and __rmq_lacks --dead-queue-type' -l dead-queue-type -x -a 'classic quorum' -d 'the type of that queue (classic)'
complete -c rmq -n '__rmq_at "dlx setup"; and __rmq_lacks --queue-type' -l queue-type -x -a 'classic quorum' -d 'the type of QUEUE (classic)'
complete -c rmq -n '__rmq_at "dlx setup"; and __rmq_lacks --message-ttl' -l message-ttl -x -d 'messages of QUEUE that are older are dead (1h)'
complete -c rmq -n '__rmq_at "dlx setup"; and __rmq_lacks --no-ttl' -l no-ttl -d 'messages of QUEUE do not expire'
complete -c rmq -n '__rmq_at "dlx setup"; and __rmq_lacks --max-length' -l max-length -x -d 'the most messages in QUEUE; beyond it the oldest ones are dead (100000)'
complete -c rmq -n '__rmq_at "dlx setup"; and __rmq_lacks --no-limit' -l no-limit -d 'no length limit for QUEUE'
complete -c rmq -n '__rmq_at "dlx setup"; and __rmq_lacks --at-least-once' -l at-least-once -d 'a quorum queue that keeps a dead letter until its target has it, and refuses messages when it is full'
complete -c rmq -n '__rmq_at "dlx setup"; and __rmq_lacks --delivery-limit' -l delivery-limit -x -d 'a message of a quorum queue is dead after so many failed deliveries'
complete -c rmq -n '__rmq_at "dlx setup"; and __rmq_lacks --retry' -l retry -x -d 'bring what is rejected back after each of these pauses, and only then let it be dead'
complete -c rmq -n '__rmq_at "dlx setup"; and __rmq_lacks --policy' -l policy -d 'use a policy instead of arguments, for an existing queue; sets a TTL and a length only when they are given'
complete -c rmq -n '__rmq_at "dlx setup"; and __rmq_lacks --plan' -l plan -d 'only show what would be done'
complete -c rmq -n '__rmq_at "dlx setup"; and __rmq_lacks --verify' -l verify -d 'then send a marked message, reject it, and check that it arrives'
complete -c rmq -n '__rmq_at "dlx setup"; and __rmq_lacks --management-url' -l management-url -x -d 'the management API (RABBITMQ_MANAGEMENT_URL, else port 15672 of the broker\'s host)'
complete -c rmq -n '__rmq_argument "dlx setup" 1' -a '(__rmq_names queue)'

# rmq dlx list
complete -c rmq -n '__rmq_at "dlx list"; and __rmq_lacks --management-url' -l management-url -x -d 'the management API (RABBITMQ_MANAGEMENT_URL, else port 15672 of the broker\'s host)'
complete -c rmq -n '__rmq_at "dlx list"; and __rmq_lacks --problems' -l problems -d 'only those with problems'
complete -c rmq -n '__rmq_argument "dlx list" 1 rest' -a '(__rmq_names queue)'

# rmq dlx inspect
complete -c rmq -n '__rmq_at "dlx inspect"' -l reason -x -d 'only messages whose last death has this reason: rejected, expired, maxlen, delivery_limit'
complete -c rmq -n '__rmq_at "dlx inspect"' -l from-queue -x -a '(__rmq_names queue)' -d 'only messages that died last in this queue'
complete -c rmq -n '__rmq_at "dlx inspect"' -l header -s H -x -d 'only messages with this header; K:=JSON for typed values'
complete -c rmq -n '__rmq_at "dlx inspect"; and __rmq_lacks --older-than' -l older-than -x -d 'only messages that died more than DURATION ago'
complete -c rmq -n '__rmq_at "dlx inspect"; and __rmq_lacks --newer-than' -l newer-than -x -d 'only messages that died within the last DURATION'
complete -c rmq -n '__rmq_at "dlx inspect"' -l id -x -d 'only the message with this id'
complete -c rmq -n '__rmq_at "dlx inspect"; and __rmq_lacks --where' -l where -x -a 'headers \'headers["x-death"]\' \'headers["x-first-death-queue"]\' \'headers["x-delivery-count"]\' \'headers["x-rmq-reason"]\' \'headers["x-rmq-attempt"]\' body json exchange routingKey reason why queue count age size id messageType properties' -d 'only messages for which this CEL expression is true, such as json.total > 99.5'
complete -c rmq -n '__rmq_at "dlx inspect"; and __rmq_lacks -n --count' -l count -s n -x -d 'look at N messages (100; all with -o json)'
complete -c rmq -n '__rmq_at "dlx inspect"' -l group-by -x -d 'count messages by reason, queue, exchange, routingKey, type, why (what the worker said) or header:NAME'
complete -c rmq -n '__rmq_at "dlx inspect"; and __rmq_lacks --show' -l show -x -d 'one whole message, and how it died, by its number in the table of matching messages'
complete -c rmq -n '__rmq_at "dlx inspect"; and __rmq_lacks --force' -l force -d 'look even where that may cost messages their last delivery'
complete -c rmq -n '__rmq_at "dlx inspect"; and __rmq_lacks --management-url' -l management-url -x -d 'the management API (RABBITMQ_MANAGEMENT_URL, else port 15672 of the broker\'s host)'
complete -c rmq -n '__rmq_argument "dlx inspect" 1' -a '(__rmq_names queue)'

# rmq dlx replay
complete -c rmq -n '__rmq_at "dlx replay"' -l reason -x -d 'only messages whose last death has this reason: rejected, expired, maxlen, delivery_limit'
complete -c rmq -n '__rmq_at "dlx replay"' -l from-queue -x -a '(__rmq_names queue)' -d 'only messages that died last in this queue'
complete -c rmq -n '__rmq_at "dlx replay"' -l header -s H -x -d 'only messages with this header; K:=JSON for typed values'
complete -c rmq -n '__rmq_at "dlx replay"; and __rmq_lacks --older-than' -l older-than -x -d 'only messages that died more than DURATION ago'
complete -c rmq -n '__rmq_at "dlx replay"; and __rmq_lacks --newer-than' -l newer-than -x -d 'only messages that died within the last DURATION'
complete -c rmq -n '__rmq_at "dlx replay"' -l id -x -d 'only the message with this id'
complete -c rmq -n '__rmq_at "dlx replay"; and __rmq_lacks --where' -l where -x -a 'headers \'headers["x-death"]\' \'headers["x-first-death-queue"]\' \'headers["x-delivery-count"]\' \'headers["x-rmq-reason"]\' \'headers["x-rmq-attempt"]\' body json exchange routingKey reason why queue count age size id messageType properties' -d 'only messages for which this CEL expression is true, such as json.total > 99.5'
complete -c rmq -n '__rmq_at "dlx replay"; and __rmq_lacks --to-queue' -l to-queue -x -a '(__rmq_names queue)' -d 'send all of them to this queue'
complete -c rmq -n '__rmq_at "dlx replay"; and __rmq_lacks --to-exchange' -l to-exchange -x -a '(__rmq_names exchange)' -d 'send all of them to this exchange'
complete -c rmq -n '__rmq_at "dlx replay"; and __rmq_lacks -r --routing-key' -l routing-key -s r -x -d 'with this key instead of each message\'s own'
complete -c rmq -n '__rmq_at "dlx replay"; and __rmq_lacks --to-origin-queue' -l to-origin-queue -d 'send each to the queue that it died in first, and to no other queue of its exchange'
complete -c rmq -n '__rmq_at "dlx replay"; and __rmq_lacks --trust-origin' -l trust-origin -d 'also send messages back to origins that only their own headers name'
complete -c rmq -n '__rmq_at "dlx replay"; and __rmq_lacks -n --count' -l count -s n -x -d 'at most N matching messages'
complete -c rmq -n '__rmq_at "dlx replay"; and __rmq_lacks --rate' -l rate -x -d 'at most N messages a second'
complete -c rmq -n '__rmq_at "dlx replay"; and __rmq_lacks --dry-run' -l dry-run -d 'only show what would go where'
complete -c rmq -n '__rmq_at "dlx replay"; and __rmq_lacks --copy' -l copy -d 'leave the originals in the queue'
complete -c rmq -n '__rmq_at "dlx replay"; and __rmq_lacks --force' -l force -d 'return messages to a quorum queue even near its delivery limit; send messages even where a full queue drops others for them'
complete -c rmq -n '__rmq_at "dlx replay"; and __rmq_lacks --keep-broker-headers' -l keep-broker-headers -d 'also publish the headers that a broker wrote'
complete -c rmq -n '__rmq_at "dlx replay"; and __rmq_lacks --journal' -l journal -r -F -d 'append lines of JSON: a message is "confirmed" before its original is acknowledged, "moved" once that is known; one without a line is still in its queue, and of a run that was killed some of these have arrived as well'
complete -c rmq -n '__rmq_at "dlx replay"; and __rmq_lacks --max-replays' -l max-replays -x -d 'leave messages that have been replayed N times (3)'
complete -c rmq -n '__rmq_at "dlx replay"; and __rmq_lacks --select' -l select -d 'select the messages in a list, on a terminal; of what the filters let through'
complete -c rmq -n '__rmq_at "dlx replay"; and __rmq_lacks --management-url' -l management-url -x -d 'the management API (RABBITMQ_MANAGEMENT_URL, else port 15672 of the broker\'s host)'
complete -c rmq -n '__rmq_at "dlx replay"; and __rmq_lacks --to-url' -l to-url -x -d 'AMQP URL of another broker to send them to'
complete -c rmq -n '__rmq_at "dlx replay"; and __rmq_lacks --edit' -l edit -d 'send the output of the program behind -- instead of each body; where it fails or prints nothing, the message stays'
complete -c rmq -n '__rmq_at "dlx replay"; and __rmq_lacks --handler-timeout' -l handler-timeout -x -d 'with --edit: kill a program that takes longer, with all that it has started; its message stays (1m)'
complete -c rmq -n '__rmq_argument "dlx replay" 1' -a '(__rmq_names queue)'

# rmq dlx move
complete -c rmq -n '__rmq_at "dlx move"' -l reason -x -d 'only messages whose last death has this reason: rejected, expired, maxlen, delivery_limit'
complete -c rmq -n '__rmq_at "dlx move"' -l from-queue -x -a '(__rmq_names queue)' -d 'only messages that died last in this queue'
complete -c rmq -n '__rmq_at "dlx move"' -l header -s H -x -d 'only messages with this header; K:=JSON for typed values'
complete -c rmq -n '__rmq_at "dlx move"; and __rmq_lacks --older-than' -l older-than -x -d 'only messages that died more than DURATION ago'
complete -c rmq -n '__rmq_at "dlx move"; and __rmq_lacks --newer-than' -l newer-than -x -d 'only messages that died within the last DURATION'
complete -c rmq -n '__rmq_at "dlx move"' -l id -x -d 'only the message with this id'
complete -c rmq -n '__rmq_at "dlx move"; and __rmq_lacks --where' -l where -x -a 'headers \'headers["x-death"]\' \'headers["x-first-death-queue"]\' \'headers["x-delivery-count"]\' \'headers["x-rmq-reason"]\' \'headers["x-rmq-attempt"]\' body json exchange routingKey reason why queue count age size id messageType properties' -d 'only messages for which this CEL expression is true, such as json.total > 99.5'
complete -c rmq -n '__rmq_at "dlx move"; and __rmq_lacks -n --count' -l count -s n -x -d 'at most N matching messages'
complete -c rmq -n '__rmq_at "dlx move"; and __rmq_lacks --rate' -l rate -x -d 'at most N messages a second'
complete -c rmq -n '__rmq_at "dlx move"; and __rmq_lacks --dry-run' -l dry-run -d 'only show what would go where'
complete -c rmq -n '__rmq_at "dlx move"; and __rmq_lacks --copy' -l copy -d 'leave the originals in the queue'
complete -c rmq -n '__rmq_at "dlx move"; and __rmq_lacks --force' -l force -d 'return messages to a quorum queue even near its delivery limit; send messages even where a full queue drops others for them'
complete -c rmq -n '__rmq_at "dlx move"; and __rmq_lacks --keep-broker-headers' -l keep-broker-headers -d 'also publish the headers that a broker wrote'
complete -c rmq -n '__rmq_at "dlx move"; and __rmq_lacks --journal' -l journal -r -F -d 'append lines of JSON: a message is "confirmed" before its original is acknowledged, "moved" once that is known; one without a line is still in its queue, and of a run that was killed some of these have arrived as well'
complete -c rmq -n '__rmq_at "dlx move"; and __rmq_lacks --select' -l select -d 'select the messages in a list, on a terminal; of what the filters let through'
complete -c rmq -n '__rmq_at "dlx move"; and __rmq_lacks --management-url' -l management-url -x -d 'the management API (RABBITMQ_MANAGEMENT_URL, else port 15672 of the broker\'s host)'
complete -c rmq -n '__rmq_at "dlx move"; and __rmq_lacks --to-url' -l to-url -x -d 'AMQP URL of another broker to send them to'
complete -c rmq -n '__rmq_at "dlx move"; and __rmq_lacks --edit' -l edit -d 'send the output of the program behind -- instead of each body; where it fails or prints nothing, the message stays'
complete -c rmq -n '__rmq_at "dlx move"; and __rmq_lacks --handler-timeout' -l handler-timeout -x -d 'with --edit: kill a program that takes longer, with all that it has started; its message stays (1m)'
complete -c rmq -n '__rmq_argument "dlx move" 1' -a '(__rmq_names queue)'
complete -c rmq -n '__rmq_argument "dlx move" 2' -a '(__rmq_names queue)'

# rmq dlx export
complete -c rmq -n '__rmq_at "dlx export"' -l reason -x -d 'only messages whose last death has this reason: rejected, expired, maxlen, delivery_limit'
complete -c rmq -n '__rmq_at "dlx export"' -l from-queue -x -a '(__rmq_names queue)' -d 'only messages that died last in this queue'
complete -c rmq -n '__rmq_at "dlx export"' -l header -s H -x -d 'only messages with this header; K:=JSON for typed values'
complete -c rmq -n '__rmq_at "dlx export"; and __rmq_lacks --older-than' -l older-than -x -d 'only messages that died more than DURATION ago'
complete -c rmq -n '__rmq_at "dlx export"; and __rmq_lacks --newer-than' -l newer-than -x -d 'only messages that died within the last DURATION'
complete -c rmq -n '__rmq_at "dlx export"' -l id -x -d 'only the message with this id'
complete -c rmq -n '__rmq_at "dlx export"; and __rmq_lacks --where' -l where -x -a 'headers \'headers["x-death"]\' \'headers["x-first-death-queue"]\' \'headers["x-delivery-count"]\' \'headers["x-rmq-reason"]\' \'headers["x-rmq-attempt"]\' body json exchange routingKey reason why queue count age size id messageType properties' -d 'only messages for which this CEL expression is true, such as json.total > 99.5'
complete -c rmq -n '__rmq_at "dlx export"; and __rmq_lacks -n --count' -l count -s n -x -d 'export at most N messages'
complete -c rmq -n '__rmq_at "dlx export"; and __rmq_lacks -d --directory' -l directory -s d -x -a '(__fish_complete_directories)' -d 'the bundle: a new or empty directory'
complete -c rmq -n '__rmq_at "dlx export"; and __rmq_lacks --file-size' -l file-size -x -d 'begin another file of the bundle after this much (64mb)'
complete -c rmq -n '__rmq_at "dlx export"; and __rmq_lacks --force' -l force -d 'read even where that may cost messages their last delivery'
complete -c rmq -n '__rmq_at "dlx export"; and __rmq_lacks --select' -l select -d 'select the messages in a list, on a terminal; of what the filters let through'
complete -c rmq -n '__rmq_at "dlx export"; and __rmq_lacks --management-url' -l management-url -x -d 'the management API (RABBITMQ_MANAGEMENT_URL, else port 15672 of the broker\'s host)'
complete -c rmq -n '__rmq_argument "dlx export" 1' -a '(__rmq_names queue)'

# rmq dlx import
complete -c rmq -n '__rmq_at "dlx import"; and __rmq_lacks -q --queue' -l queue -s q -x -a '(__rmq_names queue)' -d 'send all of them to this queue; without it, each to the exchange and with the key it had'
complete -c rmq -n '__rmq_at "dlx import"; and __rmq_lacks --again' -l again -d 'also publish what an earlier import of this bundle published there'
complete -c rmq -n '__rmq_at "dlx import"; and __rmq_lacks --keep-broker-headers' -l keep-broker-headers -d 'also publish headers that a broker wrote, such as x-delivery-count'
complete -c rmq -n '__rmq_at "dlx import"; and __rmq_lacks --force' -l force -d 'also publish messages for which a full queue drops others'
complete -c rmq -n '__rmq_at "dlx import"; and __rmq_lacks --rate' -l rate -x -d 'at most N messages a second'
complete -c rmq -n '__rmq_at "dlx import"; and __rmq_lacks --window' -l window -x -d 'unconfirmed messages in flight (2000)'
complete -c rmq -n '__rmq_at "dlx import"; and __rmq_lacks --no-confirm' -l no-confirm -d 'do not wait for the broker to take responsibility'
complete -c rmq -n '__rmq_at "dlx import"; and __rmq_lacks --allow-unroutable' -l allow-unroutable -d 'accept that no queue is bound for the key'
complete -c rmq -n '__rmq_at "dlx import"; and __rmq_lacks --confirm-timeout' -l confirm-timeout -x -d 'connect again after this long without any confirm (30s)'
complete -c rmq -n '__rmq_at "dlx import"; and __rmq_lacks --timeout' -l timeout -x -d 'give up after this long'
complete -c rmq -n '__rmq_at "dlx import"; and __rmq_lacks --returned' -l returned -r -F -d 'add each message that no queue is bound for to a file, as an envelope for publish --envelopes'
complete -c rmq -n '__rmq_argument "dlx import" 1' -a '(__fish_complete_directories)'

# rmq dlx purge
complete -c rmq -n '__rmq_at "dlx purge"' -l reason -x -d 'only messages whose last death has this reason: rejected, expired, maxlen, delivery_limit'
complete -c rmq -n '__rmq_at "dlx purge"' -l from-queue -x -a '(__rmq_names queue)' -d 'only messages that died last in this queue'
complete -c rmq -n '__rmq_at "dlx purge"' -l header -s H -x -d 'only messages with this header; K:=JSON for typed values'
complete -c rmq -n '__rmq_at "dlx purge"; and __rmq_lacks --older-than' -l older-than -x -d 'only messages that died more than DURATION ago'
complete -c rmq -n '__rmq_at "dlx purge"; and __rmq_lacks --newer-than' -l newer-than -x -d 'only messages that died within the last DURATION'
complete -c rmq -n '__rmq_at "dlx purge"' -l id -x -d 'only the message with this id'
complete -c rmq -n '__rmq_at "dlx purge"; and __rmq_lacks --where' -l where -x -a 'headers \'headers["x-death"]\' \'headers["x-first-death-queue"]\' \'headers["x-delivery-count"]\' \'headers["x-rmq-reason"]\' \'headers["x-rmq-attempt"]\' body json exchange routingKey reason why queue count age size id messageType properties' -d 'only messages for which this CEL expression is true, such as json.total > 99.5'
complete -c rmq -n '__rmq_at "dlx purge"; and __rmq_lacks -n --count' -l count -s n -x -d 'remove at most N messages'
complete -c rmq -n '__rmq_at "dlx purge"; and __rmq_lacks --export-to' -l export-to -x -a '(__fish_complete_directories)' -d 'a new bundle that gets the messages before they are removed'
complete -c rmq -n '__rmq_at "dlx purge"; and __rmq_lacks --force' -l force -d 'read even where that may cost messages their last delivery'
complete -c rmq -n '__rmq_at "dlx purge"; and __rmq_lacks --select' -l select -d 'select the messages in a list, on a terminal; of what the filters let through'
complete -c rmq -n '__rmq_at "dlx purge"; and __rmq_lacks --management-url' -l management-url -x -d 'the management API (RABBITMQ_MANAGEMENT_URL, else port 15672 of the broker\'s host)'
complete -c rmq -n '__rmq_argument "dlx purge" 1' -a '(__rmq_names queue)'

# rmq topology export
complete -c rmq -n '__rmq_at "topology export"; and __rmq_lacks --management-url' -l management-url -x -d 'the management API (RABBITMQ_MANAGEMENT_URL, else port 15672 of the broker\'s host)'

# rmq topology plan
complete -c rmq -n '__rmq_at "topology plan"; and __rmq_lacks --prune' -l prune -d 'also remove what a former apply made and the file no longer has: queues go with their messages'
complete -c rmq -n '__rmq_at "topology plan"; and __rmq_lacks --management-url' -l management-url -x -d 'the management API (RABBITMQ_MANAGEMENT_URL, else port 15672 of the broker\'s host)'
complete -c rmq -n '__rmq_argument "topology plan" 1' -F

# rmq topology apply
complete -c rmq -n '__rmq_at "topology apply"; and __rmq_lacks --prune' -l prune -d 'also remove what a former apply made and the file no longer has: queues go with their messages'
complete -c rmq -n '__rmq_at "topology apply"; and __rmq_lacks --management-url' -l management-url -x -d 'the management API (RABBITMQ_MANAGEMENT_URL, else port 15672 of the broker\'s host)'
complete -c rmq -n '__rmq_argument "topology apply" 1' -F

# rmq topology graph
complete -c rmq -n '__rmq_at "topology graph"; and __rmq_lacks -o --output' -l output -s o -x -a 'tree mermaid dot json' -d 'how to draw it (tree)'
complete -c rmq -n '__rmq_at "topology graph"; and __rmq_lacks --management-url' -l management-url -x -d 'the management API (RABBITMQ_MANAGEMENT_URL, else port 15672 of the broker\'s host)'

# rmq context add
complete -c rmq -n '__rmq_at "context add"; and __rmq_lacks --management-url' -l management-url -x -d 'the management API (RABBITMQ_MANAGEMENT_URL, else port 15672 of the broker\'s host)'
complete -c rmq -n '__rmq_at "context add"; and __rmq_lacks --protected' -l protected -d 'what removes, sends again or changes (purge, delete, unbind, replay, move, import, apply, bench) needs --confirm NAME; --yes is not enough'

# rmq context list

# rmq context use
complete -c rmq -n '__rmq_at "context use"; and __rmq_lacks --none' -l none -d 'use none'
complete -c rmq -n '__rmq_argument "context use" 1' -a '(__rmq_names context)'

# rmq context show
complete -c rmq -n '__rmq_argument "context show" 1' -a '(__rmq_names context)'

# rmq context remove
complete -c rmq -n '__rmq_argument "context remove" 1' -a '(__rmq_names context)'

# rmq ping
complete -c rmq -n '__rmq_at "ping"; and __rmq_lacks --timeout' -l timeout -x -d 'exit 124 when there is no answer by then'

# rmq wait
complete -c rmq -n '__rmq_at "wait"' -l queue -x -a '(__rmq_names queue)' -d 'until this queue exists; the conditions below are for each of them'
complete -c rmq -n '__rmq_at "wait"' -l exchange -x -a '(__rmq_names exchange)' -d 'until this exchange exists'
complete -c rmq -n '__rmq_at "wait"; and __rmq_lacks --consumers' -l consumers -x -d 'until each queue has N consumers or more'
complete -c rmq -n '__rmq_at "wait"; and __rmq_lacks --messages' -l messages -x -d 'until each queue has N messages or more that are ready'
complete -c rmq -n '__rmq_at "wait"; and __rmq_lacks --empty' -l empty -d 'until no message is ready'
complete -c rmq -n '__rmq_at "wait"; and __rmq_lacks --timeout' -l timeout -x -d 'exit 124 when not everything holds by then (1m)'

# rmq check queue
complete -c rmq -n '__rmq_at "check queue"; and __rmq_lacks --max-depth' -l max-depth -x -d 'at most N messages are ready'
complete -c rmq -n '__rmq_at "check queue"; and __rmq_lacks --min-depth' -l min-depth -x -d 'at least N messages are ready'
complete -c rmq -n '__rmq_at "check queue"; and __rmq_lacks --min-consumers' -l min-consumers -x -d 'at least N consumers'
complete -c rmq -n '__rmq_at "check queue"; and __rmq_lacks --max-age' -l max-age -x -d 'the oldest message is not older, by its timestamp or its death'
complete -c rmq -n '__rmq_at "check queue"; and __rmq_lacks --warn-max-depth' -l warn-max-depth -x -d 'more is a warning'
complete -c rmq -n '__rmq_at "check queue"; and __rmq_lacks --warn-min-depth' -l warn-min-depth -x -d 'less is a warning'
complete -c rmq -n '__rmq_at "check queue"; and __rmq_lacks --warn-min-consumers' -l warn-min-consumers -x -d 'fewer is a warning'
complete -c rmq -n '__rmq_at "check queue"; and __rmq_lacks --warn-max-age' -l warn-max-age -x -d 'older is a warning'
complete -c rmq -n '__rmq_at "check queue"; and __rmq_lacks --timeout' -l timeout -x -d 'a value that is not known by then counts as unknown (10s)'
complete -c rmq -n '__rmq_at "check queue"; and __rmq_lacks --format' -l format -x -a 'text json nagios prometheus junit' -d 'how to print it (text); nagios exits with 0, 1, 2 or 3'
complete -c rmq -n '__rmq_at "check queue"; and __rmq_lacks --management-url' -l management-url -x -d 'the management API (RABBITMQ_MANAGEMENT_URL, else port 15672 of the broker\'s host)'
complete -c rmq -n '__rmq_argument "check queue" 1 rest' -a '(__rmq_names queue)'

# rmq check dlx
complete -c rmq -n '__rmq_at "check dlx"; and __rmq_lacks --max' -l max -x -d 'at most N dead letters'
complete -c rmq -n '__rmq_at "check dlx"; and __rmq_lacks --max-age' -l max-age -x -d 'none died longer ago'
complete -c rmq -n '__rmq_at "check dlx"; and __rmq_lacks --warn-max' -l warn-max -x -d 'more is a warning'
complete -c rmq -n '__rmq_at "check dlx"; and __rmq_lacks --warn-max-age' -l warn-max-age -x -d 'older is a warning'
complete -c rmq -n '__rmq_at "check dlx"; and __rmq_lacks --by' -l by -x -a 'reason why' -d 'limits are for each reason of death, or for each answer of a worker'
complete -c rmq -n '__rmq_at "check dlx"; and __rmq_lacks --timeout' -l timeout -x -d 'a value that is not known by then counts as unknown (10s)'
complete -c rmq -n '__rmq_at "check dlx"; and __rmq_lacks --format' -l format -x -a 'text json nagios prometheus junit' -d 'how to print it (text); nagios exits with 0, 1, 2 or 3'
complete -c rmq -n '__rmq_at "check dlx"; and __rmq_lacks --management-url' -l management-url -x -d 'the management API (RABBITMQ_MANAGEMENT_URL, else port 15672 of the broker\'s host)'
complete -c rmq -n '__rmq_argument "check dlx" 1' -a '(__rmq_names queue)'

# rmq check broker
complete -c rmq -n '__rmq_at "check broker"; and __rmq_lacks --timeout' -l timeout -x -d 'a value that is not known by then counts as unknown (10s)'
complete -c rmq -n '__rmq_at "check broker"; and __rmq_lacks --format' -l format -x -a 'text json nagios prometheus junit' -d 'how to print it (text); nagios exits with 0, 1, 2 or 3'

# rmq bench publish
complete -c rmq -n '__rmq_at "bench publish"; and __rmq_lacks --queue-type' -l queue-type -x -a 'classic quorum' -d 'type of the queue (that of the vhost)'
complete -c rmq -n '__rmq_at "bench publish"; and __rmq_lacks --size' -l size -x -d 'bytes of each body (128b)'
complete -c rmq -n '__rmq_at "bench publish"; and __rmq_lacks -n --count' -l count -s n -x -d 'measure N messages'
complete -c rmq -n '__rmq_at "bench publish"; and __rmq_lacks --duration' -l duration -x -d 'measure for this long at the most (5s without -n)'
complete -c rmq -n '__rmq_at "bench publish"; and __rmq_lacks --warm-up' -l warm-up -x -d 'messages before the clock starts; with --rate, at that rate (5000)'
complete -c rmq -n '__rmq_at "bench publish"; and __rmq_lacks --transient' -l transient -d 'messages that are not persistent'
complete -c rmq -n '__rmq_at "bench publish"; and __rmq_lacks --rate' -l rate -x -d 'at most N messages a second'
complete -c rmq -n '__rmq_at "bench publish"; and __rmq_lacks --window' -l window -x -d 'unconfirmed messages in flight (2000)'
complete -c rmq -n '__rmq_at "bench publish"; and __rmq_lacks --no-confirm' -l no-confirm -d 'do not ask for confirms; nothing is timed then'

# rmq bench consume
complete -c rmq -n '__rmq_at "bench consume"; and __rmq_lacks --queue-type' -l queue-type -x -a 'classic quorum' -d 'type of the queue (that of the vhost)'
complete -c rmq -n '__rmq_at "bench consume"; and __rmq_lacks --size' -l size -x -d 'bytes of each body (128b)'
complete -c rmq -n '__rmq_at "bench consume"; and __rmq_lacks -n --count' -l count -s n -x -d 'measure N messages (100000)'
complete -c rmq -n '__rmq_at "bench consume"; and __rmq_lacks --duration' -l duration -x -d 'measure for this long at the most (5s without -n)'
complete -c rmq -n '__rmq_at "bench consume"; and __rmq_lacks --warm-up' -l warm-up -x -d 'messages before the clock starts (5000)'
complete -c rmq -n '__rmq_at "bench consume"; and __rmq_lacks --transient' -l transient -d 'messages that are not persistent'
complete -c rmq -n '__rmq_at "bench consume"; and __rmq_lacks --prefetch' -l prefetch -x -d 'unacknowledged messages at a time (1000)'
complete -c rmq -n '__rmq_at "bench consume"; and __rmq_lacks --no-ack' -l no-ack -d 'let the queue forget messages once it has sent them'

# rmq bench rpc
complete -c rmq -n '__rmq_at "bench rpc"; and __rmq_lacks --queue-type' -l queue-type -x -a 'classic quorum' -d 'type of the queue (that of the vhost)'
complete -c rmq -n '__rmq_at "bench rpc"; and __rmq_lacks --size' -l size -x -d 'bytes of each body (128b)'
complete -c rmq -n '__rmq_at "bench rpc"; and __rmq_lacks -n --count' -l count -s n -x -d 'measure N messages'
complete -c rmq -n '__rmq_at "bench rpc"; and __rmq_lacks --duration' -l duration -x -d 'measure for this long at the most (5s without -n)'
complete -c rmq -n '__rmq_at "bench rpc"; and __rmq_lacks --warm-up' -l warm-up -x -d 'calls before the clock starts (500)'
complete -c rmq -n '__rmq_at "bench rpc"; and __rmq_lacks --concurrency' -l concurrency -x -d 'calls at a time (1)'
complete -c rmq -n '__rmq_at "bench rpc"; and __rmq_lacks --timeout' -l timeout -x -d 'how long a reply may take (30s)'

# rmq bench latency
complete -c rmq -n '__rmq_at "bench latency"; and __rmq_lacks --queue-type' -l queue-type -x -a 'classic quorum' -d 'type of the queue (that of the vhost)'
complete -c rmq -n '__rmq_at "bench latency"; and __rmq_lacks --size' -l size -x -d 'bytes of each body (128b)'
complete -c rmq -n '__rmq_at "bench latency"; and __rmq_lacks -n --count' -l count -s n -x -d 'measure N messages'
complete -c rmq -n '__rmq_at "bench latency"; and __rmq_lacks --duration' -l duration -x -d 'measure for this long at the most (5s without -n)'
complete -c rmq -n '__rmq_at "bench latency"; and __rmq_lacks --warm-up' -l warm-up -x -d 'messages before the clock starts; with --rate, at that rate (500)'
complete -c rmq -n '__rmq_at "bench latency"; and __rmq_lacks --transient' -l transient -d 'messages that are not persistent'
complete -c rmq -n '__rmq_at "bench latency"; and __rmq_lacks --rate' -l rate -x -d 'messages a second (1000)'
complete -c rmq -n '__rmq_at "bench latency"; and __rmq_lacks --prefetch' -l prefetch -x -d 'unacknowledged messages at a time (1000)'

# rmq broker run
complete -c rmq -n '__rmq_at "broker run"; and __rmq_lacks --nodes' -l nodes -x -d 'how many nodes; more than one form a cluster (1)'
complete -c rmq -n '__rmq_at "broker run"; and __rmq_lacks --boot-timeout' -l boot-timeout -x -d 'how long the boot may take (1m)'
complete -c rmq -n '__rmq_at "broker run"; and __rmq_lacks --install' -l install -d 'install RabbitMQ, with apt-get or brew, when it is not there'
complete -c rmq -n '__rmq_runs "broker run"' -a '(__rmq_complete_command)'

# rmq broker start
complete -c rmq -n '__rmq_at "broker start"; and __rmq_lacks --nodes' -l nodes -x -d 'how many nodes; more than one form a cluster (1)'
complete -c rmq -n '__rmq_at "broker start"; and __rmq_lacks --boot-timeout' -l boot-timeout -x -d 'how long the boot may take (1m)'
complete -c rmq -n '__rmq_at "broker start"; and __rmq_lacks --install' -l install -d 'install RabbitMQ, with apt-get or brew, when it is not there'
complete -c rmq -n '__rmq_at "broker start"; and __rmq_lacks --port' -l port -x -d 'the AMQP port of the first node, the others counting on from it (default: free ones)'

# rmq broker stop

# rmq broker status

# rmq completion
complete -c rmq -n '__rmq_at "completion"; and __rmq_lacks --write' -l write -x -a '(__fish_complete_directories)' -d 'write the scripts for all shells into a directory'
complete -c rmq -n '__rmq_at "completion"; and __rmq_lacks --names' -l names -x -a 'queue exchange context' -d 'what the scripts ask for: contexts, or names of the broker, as the management API tells within half a second'
complete -c rmq -n '__rmq_at "completion"; and __rmq_lacks --management-url' -l management-url -x -d 'the management API (RABBITMQ_MANAGEMENT_URL, else port 15672 of the broker\'s host)'
complete -c rmq -n '__rmq_argument "completion" 1' -a 'bash zsh fish'

# rmq help
complete -c rmq -n '__rmq_argument "help" 1 rest' -a 'recipes publishing consuming envelopes output patterns handlers dead-letters looking queues measuring topology connections ci other-tools library flags exit-codes'
