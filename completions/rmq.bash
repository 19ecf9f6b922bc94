# bash completion for rmq, written by npm run completions.
# It needs bash 4 or later; the bash-completion package may be there or not.

# Sets what can come at a level: its commands, its flags, how many arguments it takes.
# A flag is "KIND LONG SHORT ALIAS…": a switch, or one with a value, or with values: one each time it is given.
_rmq_level() {
  commands=() arguments=0 endless= command=0
  flags=('values --url -u --uri' 'value --connect-timeout -' 'value --wait -' 'value --connect-attempts -' 'value --max-reconnects -' 'switch --no-reconnect -' 'value --reconnect-delay -' 'value --heartbeat -' 'value --blocked-timeout -' 'value --answer-timeout -' 'value --max-message-size -' 'value --cacert -' 'value --cert -' 'value --key -' 'value --passphrase-file -' 'value --servername -' 'switch --insecure -' 'value --name -' 'value --context -c' 'value --confirm -' 'value --url-file -' 'value --password-command -' 'value --token-command -' 'value --output -o' 'switch --json -' 'switch --quiet -' 'switch --verbose -v' 'switch --no-color -' 'switch --yes -y' 'switch --help -h')
  case $1 in
    '')
      commands=('queue' 'exchange' 'binding' 'connection' 'consumer' 'work' 'fanout' 'topic' 'rpc' 'dlx' 'topology' 'context' 'check' 'bench' 'broker' 'publish' 'consume' 'peek' 'tap' 'ping' 'wait' 'completion' 'help')
      flags+=('switch --version -V')
      ;;
    'queue')
      commands=('list' 'watch' 'declare' 'status' 'bind' 'unbind' 'purge' 'delete')
      ;;
    'exchange')
      commands=('list' 'declare' 'bind' 'unbind' 'delete')
      ;;
    'binding')
      commands=('list')
      ;;
    'connection')
      commands=('list')
      ;;
    'consumer')
      commands=('list')
      ;;
    'work')
      commands=('publish' 'run')
      ;;
    'fanout')
      commands=('publish' 'subscribe')
      ;;
    'topic')
      commands=('publish' 'subscribe' 'match')
      ;;
    'rpc')
      commands=('call' 'serve')
      ;;
    'dlx')
      commands=('setup' 'list' 'inspect' 'replay' 'move' 'export' 'import' 'purge')
      ;;
    'topology')
      commands=('export' 'plan' 'apply' 'graph')
      ;;
    'context')
      commands=('add' 'list' 'use' 'show' 'remove')
      ;;
    'check')
      commands=('queue' 'dlx' 'broker')
      ;;
    'bench')
      commands=('publish' 'consume' 'rpc' 'latency')
      ;;
    'broker')
      commands=('run' 'start' 'stop' 'status')
      ;;
    'publish')
      flags+=('value --queue -q' 'value --exchange -e' 'value --routing-key -r' 'value --content-type -' 'value --content-encoding -' 'values --header -H' 'value --priority -' 'value --correlation-id -' 'value --reply-to -' 'value --ttl -' 'value --message-id -' 'value --timestamp -' 'value --type -' 'value --user-id -' 'value --app-id -' 'switch --transient -' 'values --file -f' 'switch --lines -' 'switch --envelopes -' 'switch --keep-broker-headers -' 'value --count -n' 'switch --chomp -' 'switch --allow-empty -' 'switch --template -' 'value --data -' 'value --rate -' 'value --window -' 'switch --no-confirm -' 'switch --allow-unroutable -' 'value --confirm-timeout -' 'value --timeout -' 'value --returned -' 'value --schema -' 'value --delay -')
      arguments=1
      ;;
    'consume')
      flags+=('value --prefetch -' 'value --count -n' 'value --idle -' 'value --timeout -' 'switch --drain -' 'value --expect -' 'value --settle -' 'switch --requeue -' 'switch --reject -' 'switch --no-ack -' 'switch --exclusive -' 'value --priority -' 'value --offset -' 'switch --null -0' 'switch --json-body -' 'values --match -' 'value --schema -' 'value --expect-file -' 'switch --in-order -' 'value --junit -' 'value --management-url -')
      arguments=1
      ;;
    'peek')
      flags+=('value --count -n' 'value --where -' 'value --last -' 'value --timeout -' 'switch --null -0' 'switch --json-body -' 'value --management-url -')
      arguments=1
      ;;
    'tap')
      flags+=('value --queue -q' 'value --where -' 'value --count -n' 'value --idle -' 'value --timeout -' 'value --expect -' 'value --settle -' 'value --max-length -' 'value --max-length-bytes -' 'switch --null -0' 'switch --json-body -' 'values --match -' 'value --schema -' 'value --expect-file -' 'switch --in-order -' 'value --junit -' 'value --management-url -')
      arguments=2
      endless=1
      ;;
    'queue list')
      flags+=('value --where -' 'value --sort -' 'values --columns -' 'switch --vhost-all -' 'value --management-url -')
      arguments=1
      endless=1
      ;;
    'queue watch')
      flags+=('value --where -' 'value --sort -' 'values --columns -' 'switch --vhost-all -' 'value --interval -' 'value --count -n' 'value --until -' 'value --management-url -')
      arguments=1
      endless=1
      ;;
    'queue declare')
      flags+=('value --queue-type -' 'switch --transient -' 'switch --auto-delete -' 'value --message-ttl -' 'value --expires -' 'value --max-length -' 'value --max-length-bytes - --max-bytes' 'value --overflow -' 'value --dlx - --dead-letter-exchange' 'value --dlx-routing-key - --dead-letter-routing-key' 'value --dead-letter-strategy - --dlx-strategy' 'value --max-priority -' 'value --delivery-limit -' 'switch --single-active-consumer -' 'value --queue-mode -' 'value --queue-version -' 'value --leader-locator -' 'value --quorum-initial-group-size - --initial-group-size' 'value --quorum-target-group-size - --target-group-size' 'value --stream-initial-cluster-size - --initial-cluster-size' 'value --max-age - --stream-max-age' 'value --max-segment-size - --stream-max-segment-size' 'value --filter-size - --stream-filter-size' 'values --argument -' 'values --bind -')
      arguments=1
      ;;
    'queue status')
      flags+=('value --management-url -')
      arguments=1
      endless=1
      ;;
    'queue bind')
      flags+=('values --routing-key -r' 'values --match -' 'switch --match-any -')
      arguments=3
      endless=1
      ;;
    'queue unbind')
      flags+=('values --routing-key -r' 'values --match -' 'switch --match-any -' 'value --management-url -')
      arguments=3
      endless=1
      ;;
    'queue purge')
      arguments=1
      ;;
    'queue delete')
      flags+=('switch --if-empty -' 'switch --if-unused -' 'switch --if-exists -' 'switch --force -' 'switch --retries -' 'value --management-url -')
      arguments=1
      ;;
    'exchange list')
      flags+=('value --where -' 'value --sort -' 'values --columns -' 'switch --vhost-all -' 'value --management-url -')
      ;;
    'exchange declare')
      flags+=('value --type -' 'switch --transient -' 'switch --auto-delete -' 'switch --internal -' 'value --alternate-exchange -' 'values --argument -')
      arguments=1
      ;;
    'exchange bind')
      flags+=('values --routing-key -r' 'values --match -' 'switch --match-any -')
      arguments=3
      endless=1
      ;;
    'exchange unbind')
      flags+=('values --routing-key -r' 'values --match -' 'switch --match-any -' 'value --management-url -')
      arguments=3
      endless=1
      ;;
    'exchange delete')
      flags+=('switch --if-unused -')
      arguments=1
      ;;
    'binding list')
      flags+=('value --queue -' 'value --exchange -' 'value --where -' 'value --sort -' 'values --columns -' 'switch --vhost-all -' 'value --management-url -')
      ;;
    'connection list')
      flags+=('value --where -' 'value --sort -' 'values --columns -' 'switch --vhost-all -' 'value --management-url -')
      ;;
    'consumer list')
      flags+=('value --where -' 'value --sort -' 'values --columns -' 'switch --vhost-all -' 'value --management-url -')
      arguments=1
      endless=1
      ;;
    'work publish')
      flags+=('value --queue-type -' 'value --max-priority -' 'value --message-ttl -' 'value --max-length -' 'value --dlx -' 'value --dlx-routing-key -' 'value --content-type -' 'value --content-encoding -' 'values --header -H' 'value --priority -' 'value --correlation-id -' 'value --reply-to -' 'value --ttl -' 'value --message-id -' 'value --timestamp -' 'value --type -' 'value --user-id -' 'value --app-id -' 'switch --transient -' 'values --file -f' 'switch --lines -' 'switch --envelopes -' 'switch --keep-broker-headers -' 'value --count -n' 'switch --chomp -' 'switch --allow-empty -' 'switch --template -' 'value --data -' 'value --rate -' 'value --window -' 'switch --no-confirm -' 'switch --allow-unroutable -' 'value --confirm-timeout -' 'value --timeout -' 'value --returned -' 'value --schema -' 'value --delay -')
      arguments=2
      ;;
    'work run')
      flags+=('value --queue-type -' 'value --max-priority -' 'value --message-ttl -' 'value --max-length -' 'value --dlx -' 'value --dlx-routing-key -' 'value --concurrency -' 'value --prefetch -' 'value --handler-timeout -' 'value --retries -' 'value --backoff -' 'value --requeue-delay -' 'value --grace -' 'switch --drop-dead -' 'switch --policy-dlx -' 'switch --fail-on-dead -' 'value --count -n' 'value --idle -' 'switch --drain -' 'value --timeout -' 'value --on-exit -' 'switch --fd3 -' 'switch --stream -')
      arguments=2
      endless=1
      command=2
      ;;
    'fanout publish')
      flags+=('value --routing-key -r' 'value --content-type -' 'value --content-encoding -' 'values --header -H' 'value --priority -' 'value --correlation-id -' 'value --reply-to -' 'value --ttl -' 'value --message-id -' 'value --timestamp -' 'value --type -' 'value --user-id -' 'value --app-id -' 'switch --transient -' 'values --file -f' 'switch --lines -' 'switch --envelopes -' 'switch --keep-broker-headers -' 'value --count -n' 'switch --chomp -' 'switch --allow-empty -' 'switch --template -' 'value --data -' 'value --rate -' 'value --window -' 'switch --no-confirm -' 'switch --allow-unroutable -' 'value --confirm-timeout -' 'value --timeout -' 'value --returned -' 'value --schema -' 'value --delay -')
      arguments=2
      ;;
    'fanout subscribe')
      flags+=('value --queue-type -' 'value --prefetch -' 'value --count -n' 'value --idle -' 'value --timeout -' 'switch --drain -' 'value --expect -' 'value --settle -' 'switch --requeue -' 'switch --reject -' 'switch --no-ack -' 'switch --exclusive -' 'value --priority -' 'value --offset -' 'switch --null -0' 'switch --json-body -' 'values --match -' 'value --schema -' 'value --expect-file -' 'switch --in-order -' 'value --junit -' 'value --concurrency -' 'value --handler-timeout -' 'value --retries -' 'value --backoff -' 'value --requeue-delay -' 'value --grace -' 'switch --drop-dead -' 'switch --policy-dlx -' 'switch --fail-on-dead -' 'value --max-priority -' 'value --message-ttl -' 'value --max-length -' 'value --dlx -' 'value --dlx-routing-key -' 'value --on-exit -' 'switch --fd3 -' 'switch --stream -')
      arguments=2
      ;;
    'topic publish')
      flags+=('value --content-type -' 'value --content-encoding -' 'values --header -H' 'value --priority -' 'value --correlation-id -' 'value --reply-to -' 'value --ttl -' 'value --message-id -' 'value --timestamp -' 'value --type -' 'value --user-id -' 'value --app-id -' 'switch --transient -' 'values --file -f' 'switch --lines -' 'switch --envelopes -' 'switch --keep-broker-headers -' 'value --count -n' 'switch --chomp -' 'switch --allow-empty -' 'switch --template -' 'value --data -' 'value --rate -' 'value --window -' 'switch --no-confirm -' 'switch --allow-unroutable -' 'value --confirm-timeout -' 'value --timeout -' 'value --returned -' 'value --schema -' 'value --delay -')
      arguments=3
      ;;
    'topic subscribe')
      flags+=('value --queue -' 'value --queue-type -' 'value --prefetch -' 'value --count -n' 'value --idle -' 'value --timeout -' 'switch --drain -' 'value --expect -' 'value --settle -' 'switch --requeue -' 'switch --reject -' 'switch --no-ack -' 'switch --exclusive -' 'value --priority -' 'value --offset -' 'switch --null -0' 'switch --json-body -' 'values --match -' 'value --schema -' 'value --expect-file -' 'switch --in-order -' 'value --junit -' 'value --concurrency -' 'value --handler-timeout -' 'value --retries -' 'value --backoff -' 'value --requeue-delay -' 'value --grace -' 'switch --drop-dead -' 'switch --policy-dlx -' 'switch --fail-on-dead -' 'value --max-priority -' 'value --message-ttl -' 'value --max-length -' 'value --dlx -' 'value --dlx-routing-key -' 'value --on-exit -' 'switch --fd3 -' 'switch --stream -')
      arguments=2
      endless=1
      ;;
    'topic match')
      flags+=('switch --explain -')
      arguments=2
      endless=1
      ;;
    'rpc call')
      flags+=('value --timeout -' 'value --concurrency -' 'switch --idempotent -' 'value --content-type -' 'value --content-encoding -' 'values --header -H' 'value --priority -' 'value --ttl -' 'value --message-id -' 'value --timestamp -' 'value --type -' 'value --user-id -' 'value --app-id -' 'values --file -f' 'switch --lines -' 'switch --envelopes -' 'switch --keep-broker-headers -' 'value --count -n' 'switch --chomp -' 'switch --allow-empty -' 'switch --null -0' 'switch --json-body -' 'values --match -' 'value --schema -' 'value --expect-file -' 'switch --in-order -' 'value --junit -')
      arguments=2
      ;;
    'rpc serve')
      flags+=('value --queue-type -' 'value --concurrency -' 'value --handler-timeout -' 'value --grace -' 'value --reply-content-type -' 'value --count -n' 'value --idle -' 'value --timeout -' 'switch --fd3 -' 'value --max-reply -')
      arguments=2
      endless=1
      command=2
      ;;
    'dlx setup')
      flags+=('value --dlx -' 'value --dlx-routing-key -' 'value --dead-queue -' 'value --dead-ttl -' 'value --dead-queue-type -' 'value --queue-type -' 'value --message-ttl -' 'switch --no-ttl -' 'value --max-length -' 'switch --no-limit -' 'switch --at-least-once -' 'value --delivery-limit -' 'value --retry -' 'switch --policy -' 'switch --plan -' 'switch --verify -' 'value --management-url -')
      arguments=1
      ;;
    'dlx list')
      flags+=('value --management-url -' 'switch --problems -')
      arguments=1
      endless=1
      ;;
    'dlx inspect')
      flags+=('values --reason -' 'values --from-queue -' 'values --header -H' 'value --older-than -' 'value --newer-than -' 'values --id -' 'value --where -' 'value --count -n' 'values --group-by -' 'value --show -' 'switch --force -' 'value --management-url -')
      arguments=1
      ;;
    'dlx replay')
      flags+=('values --reason -' 'values --from-queue -' 'values --header -H' 'value --older-than -' 'value --newer-than -' 'values --id -' 'value --where -' 'value --to-queue -' 'value --to-exchange -' 'value --routing-key -r' 'switch --to-origin-queue -' 'switch --trust-origin -' 'value --count -n' 'value --rate -' 'switch --dry-run -' 'switch --copy -' 'switch --force -' 'switch --keep-broker-headers -' 'value --journal -' 'value --max-replays -' 'switch --select -' 'value --management-url -' 'value --to-url -' 'switch --edit -' 'value --handler-timeout -')
      arguments=1
      ;;
    'dlx move')
      flags+=('values --reason -' 'values --from-queue -' 'values --header -H' 'value --older-than -' 'value --newer-than -' 'values --id -' 'value --where -' 'value --count -n' 'value --rate -' 'switch --dry-run -' 'switch --copy -' 'switch --force -' 'switch --keep-broker-headers -' 'value --journal -' 'switch --select -' 'value --management-url -' 'value --to-url -' 'switch --edit -' 'value --handler-timeout -')
      arguments=2
      ;;
    'dlx export')
      flags+=('values --reason -' 'values --from-queue -' 'values --header -H' 'value --older-than -' 'value --newer-than -' 'values --id -' 'value --where -' 'value --count -n' 'value --directory -d' 'value --file-size -' 'switch --force -' 'switch --select -' 'value --management-url -')
      arguments=1
      ;;
    'dlx import')
      flags+=('value --queue -q' 'switch --again -' 'switch --keep-broker-headers -' 'switch --force -' 'value --rate -' 'value --window -' 'switch --no-confirm -' 'switch --allow-unroutable -' 'value --confirm-timeout -' 'value --timeout -' 'value --returned -')
      arguments=1
      ;;
    'dlx purge')
      flags+=('values --reason -' 'values --from-queue -' 'values --header -H' 'value --older-than -' 'value --newer-than -' 'values --id -' 'value --where -' 'value --count -n' 'value --export-to -' 'switch --force -' 'switch --select -' 'value --management-url -')
      arguments=1
      ;;
    'topology export')
      flags+=('value --management-url -')
      ;;
    'topology plan')
      flags+=('switch --prune -' 'value --management-url -')
      arguments=1
      ;;
    'topology apply')
      flags+=('switch --prune -' 'value --management-url -')
      arguments=1
      ;;
    'topology graph')
      flags+=('value --output -o' 'value --management-url -')
      ;;
    'context add')
      flags+=('value --management-url -' 'switch --protected -')
      arguments=1
      ;;
    'context list')
      ;;
    'context use')
      flags+=('switch --none -')
      arguments=1
      ;;
    'context show')
      arguments=1
      ;;
    'context remove')
      arguments=1
      ;;
    'ping')
      flags+=('value --timeout -')
      ;;
    'wait')
      flags+=('values --queue -' 'values --exchange -' 'value --consumers -' 'value --messages -' 'switch --empty -' 'value --timeout -')
      ;;
    'check queue')
      flags+=('value --max-depth -' 'value --min-depth -' 'value --min-consumers -' 'value --max-age -' 'value --warn-max-depth -' 'value --warn-min-depth -' 'value --warn-min-consumers -' 'value --warn-max-age -' 'value --timeout -' 'value --format -' 'value --management-url -')
      arguments=1
      endless=1
      ;;
    'check dlx')
      flags+=('value --max -' 'value --max-age -' 'value --warn-max -' 'value --warn-max-age -' 'value --by -' 'value --timeout -' 'value --format -' 'value --management-url -')
      arguments=1
      ;;
    'check broker')
      flags+=('value --timeout -' 'value --format -')
      ;;
    'bench publish')
      flags+=('value --queue-type -' 'value --size -' 'value --count -n' 'value --duration -' 'value --warm-up -' 'switch --transient -' 'value --rate -' 'value --window -' 'switch --no-confirm -')
      ;;
    'bench consume')
      flags+=('value --queue-type -' 'value --size -' 'value --count -n' 'value --duration -' 'value --warm-up -' 'switch --transient -' 'value --prefetch -' 'switch --no-ack -')
      ;;
    'bench rpc')
      flags+=('value --queue-type -' 'value --size -' 'value --count -n' 'value --duration -' 'value --warm-up -' 'value --concurrency -' 'value --timeout -')
      ;;
    'bench latency')
      flags+=('value --queue-type -' 'value --size -' 'value --count -n' 'value --duration -' 'value --warm-up -' 'switch --transient -' 'value --rate -' 'value --prefetch -')
      ;;
    'broker run')
      flags+=('value --nodes -' 'value --boot-timeout -' 'switch --install -')
      arguments=1
      endless=1
      command=1
      ;;
    'broker start')
      flags+=('value --nodes -' 'value --boot-timeout -' 'switch --install -' 'value --port -')
      ;;
    'broker stop')
      ;;
    'broker status')
      ;;
    'completion')
      flags+=('value --write -' 'value --names -' 'value --management-url -')
      arguments=1
      ;;
    'help')
      arguments=1
      endless=1
      ;;
    *) flags=() ;;
  esac
}

# Sets what a flag or an argument can be: choices, or where they come from.
_rmq_values() {
  choices=() source=
  case $1 in
    'publish --queue') source=queue ;;
    'publish --exchange') source=exchange ;;
    'publish --reply-to') source=queue ;;
    'publish --file') source=file ;;
    'publish --data') source=file ;;
    'publish --returned') source=file ;;
    'publish --schema') source=file ;;
    'consume --match') choices=('headers' 'headers["x-death"]' 'headers["x-first-death-queue"]' 'headers["x-delivery-count"]' 'headers["x-rmq-reason"]' 'headers["x-rmq-attempt"]' 'body' 'json' 'exchange' 'routingKey' 'reason' 'why' 'queue' 'count' 'age' 'size' 'id' 'messageType' 'properties') ;;
    'consume --schema') source=file ;;
    'consume --expect-file') source=file ;;
    'consume --junit') source=file ;;
    'consume 1') source=queue ;;
    'peek --where') choices=('headers' 'headers["x-death"]' 'headers["x-first-death-queue"]' 'headers["x-delivery-count"]' 'headers["x-rmq-reason"]' 'headers["x-rmq-attempt"]' 'body' 'json' 'exchange' 'routingKey' 'reason' 'why' 'queue' 'count' 'age' 'size' 'id' 'messageType' 'properties') ;;
    'peek 1') source=queue ;;
    'tap --queue') source=queue ;;
    'tap --where') choices=('headers' 'headers["x-death"]' 'headers["x-first-death-queue"]' 'headers["x-delivery-count"]' 'headers["x-rmq-reason"]' 'headers["x-rmq-attempt"]' 'body' 'json' 'exchange' 'routingKey' 'reason' 'why' 'queue' 'count' 'age' 'size' 'id' 'messageType' 'properties') ;;
    'tap --match') choices=('headers' 'headers["x-death"]' 'headers["x-first-death-queue"]' 'headers["x-delivery-count"]' 'headers["x-rmq-reason"]' 'headers["x-rmq-attempt"]' 'body' 'json' 'exchange' 'routingKey' 'reason' 'why' 'queue' 'count' 'age' 'size' 'id' 'messageType' 'properties') ;;
    'tap --schema') source=file ;;
    'tap --expect-file') source=file ;;
    'tap --junit') source=file ;;
    'tap 1') source=exchange ;;
    'queue list --where') choices=('name' 'type' 'ready' 'unacked' 'consumers' 'inRate' 'outRate' 'deadLetterTo' 'policy' 'state' 'vhost' 'messages' 'bytes' 'memory' 'ackRate' 'redeliverRate' 'deadLetterExchange' 'deadLetterRoutingKey' 'durable' 'autoDelete' 'exclusive' 'arguments' 'node') ;;
    'queue list --sort') choices=('name' 'type' 'ready' 'unacked' 'consumers' 'inRate' 'outRate' 'deadLetterTo' 'policy' 'state' 'vhost' 'messages' 'bytes' 'memory' 'ackRate' 'redeliverRate' 'deadLetterExchange' 'deadLetterRoutingKey' 'durable' 'autoDelete' 'exclusive' 'arguments' 'node') ;;
    'queue list --columns') choices=('name' 'type' 'ready' 'unacked' 'consumers' 'inRate' 'outRate' 'deadLetterTo' 'policy' 'state' 'vhost' 'messages' 'bytes' 'memory' 'ackRate' 'redeliverRate' 'deadLetterExchange' 'deadLetterRoutingKey' 'durable' 'autoDelete' 'exclusive' 'arguments' 'node') ;;
    'queue list 1') source=queue ;;
    'queue watch --where') choices=('name' 'type' 'ready' 'unacked' 'consumers' 'inRate' 'outRate' 'deadLetterTo' 'policy' 'state' 'vhost' 'messages' 'bytes' 'memory' 'ackRate' 'redeliverRate' 'deadLetterExchange' 'deadLetterRoutingKey' 'durable' 'autoDelete' 'exclusive' 'arguments' 'node') ;;
    'queue watch --sort') choices=('name' 'type' 'ready' 'unacked' 'consumers' 'inRate' 'outRate' 'deadLetterTo' 'policy' 'state' 'vhost' 'messages' 'bytes' 'memory' 'ackRate' 'redeliverRate' 'deadLetterExchange' 'deadLetterRoutingKey' 'durable' 'autoDelete' 'exclusive' 'arguments' 'node') ;;
    'queue watch --columns') choices=('name' 'type' 'ready' 'unacked' 'consumers' 'inRate' 'outRate' 'deadLetterTo' 'policy' 'state' 'vhost' 'messages' 'bytes' 'memory' 'ackRate' 'redeliverRate' 'deadLetterExchange' 'deadLetterRoutingKey' 'durable' 'autoDelete' 'exclusive' 'arguments' 'node') ;;
    'queue watch --until') choices=('name' 'type' 'ready' 'unacked' 'consumers' 'inRate' 'outRate' 'deadLetterTo' 'policy' 'state' 'vhost' 'messages' 'bytes' 'memory' 'ackRate' 'redeliverRate' 'deadLetterExchange' 'deadLetterRoutingKey' 'durable' 'autoDelete' 'exclusive' 'arguments' 'node') ;;
    'queue watch 1') source=queue ;;
    'queue declare --queue-type') choices=('classic' 'quorum' 'stream') ;;
    'queue declare --overflow') choices=('drop-head' 'reject-publish' 'reject-publish-dlx') ;;
    'queue declare --dlx') source=exchange ;;
    'queue declare --dead-letter-strategy') choices=('at-most-once' 'at-least-once') ;;
    'queue declare --queue-mode') choices=('default' 'lazy') ;;
    'queue declare --leader-locator') choices=('client-local' 'balanced') ;;
    'queue declare 1') source=queue ;;
    'queue status 1') source=queue ;;
    'queue bind 1') source=queue ;;
    'queue bind 2') source=exchange ;;
    'queue unbind 1') source=queue ;;
    'queue unbind 2') source=exchange ;;
    'queue purge 1') source=queue ;;
    'queue delete 1') source=queue ;;
    'exchange list --where') choices=('name' 'type' 'durable' 'autoDelete' 'internal' 'alternateExchange' 'inRate' 'outRate' 'policy' 'vhost' 'arguments') ;;
    'exchange list --sort') choices=('name' 'type' 'durable' 'autoDelete' 'internal' 'alternateExchange' 'inRate' 'outRate' 'policy' 'vhost' 'arguments') ;;
    'exchange list --columns') choices=('name' 'type' 'durable' 'autoDelete' 'internal' 'alternateExchange' 'inRate' 'outRate' 'policy' 'vhost' 'arguments') ;;
    'exchange declare --type') choices=('direct' 'fanout' 'topic' 'headers') ;;
    'exchange declare --alternate-exchange') source=exchange ;;
    'exchange declare 1') source=exchange ;;
    'exchange bind 1') source=exchange ;;
    'exchange bind 2') source=exchange ;;
    'exchange unbind 1') source=exchange ;;
    'exchange unbind 2') source=exchange ;;
    'exchange delete 1') source=exchange ;;
    'binding list --queue') source=queue ;;
    'binding list --exchange') source=exchange ;;
    'binding list --where') choices=('source' 'destinationType' 'destination' 'routingKey' 'arguments' 'vhost') ;;
    'binding list --sort') choices=('source' 'destinationType' 'destination' 'routingKey' 'arguments' 'vhost') ;;
    'binding list --columns') choices=('source' 'destinationType' 'destination' 'routingKey' 'arguments' 'vhost') ;;
    'connection list --where') choices=('name' 'clientName' 'user' 'host' 'state' 'channels' 'inRate' 'outRate' 'connectedAt' 'vhost' 'port' 'tls' 'protocol' 'product' 'version' 'node') ;;
    'connection list --sort') choices=('name' 'clientName' 'user' 'host' 'state' 'channels' 'inRate' 'outRate' 'connectedAt' 'vhost' 'port' 'tls' 'protocol' 'product' 'version' 'node') ;;
    'connection list --columns') choices=('name' 'clientName' 'user' 'host' 'state' 'channels' 'inRate' 'outRate' 'connectedAt' 'vhost' 'port' 'tls' 'protocol' 'product' 'version' 'node') ;;
    'consumer list --where') choices=('queue' 'tag' 'prefetch' 'ackRequired' 'active' 'exclusive' 'user' 'connection' 'vhost' 'channel' 'host' 'arguments') ;;
    'consumer list --sort') choices=('queue' 'tag' 'prefetch' 'ackRequired' 'active' 'exclusive' 'user' 'connection' 'vhost' 'channel' 'host' 'arguments') ;;
    'consumer list --columns') choices=('queue' 'tag' 'prefetch' 'ackRequired' 'active' 'exclusive' 'user' 'connection' 'vhost' 'channel' 'host' 'arguments') ;;
    'consumer list 1') source=queue ;;
    'work publish --queue-type') choices=('classic' 'quorum') ;;
    'work publish --dlx') source=exchange ;;
    'work publish --reply-to') source=queue ;;
    'work publish --file') source=file ;;
    'work publish --data') source=file ;;
    'work publish --returned') source=file ;;
    'work publish --schema') source=file ;;
    'work publish 1') source=queue ;;
    'work run --queue-type') choices=('classic' 'quorum') ;;
    'work run --dlx') source=exchange ;;
    'work run 1') source=queue ;;
    'work run 2') source=command ;;
    'fanout publish --reply-to') source=queue ;;
    'fanout publish --file') source=file ;;
    'fanout publish --data') source=file ;;
    'fanout publish --returned') source=file ;;
    'fanout publish --schema') source=file ;;
    'fanout publish 1') source=exchange ;;
    'fanout subscribe --queue-type') choices=('classic' 'quorum') ;;
    'fanout subscribe --match') choices=('headers' 'headers["x-death"]' 'headers["x-first-death-queue"]' 'headers["x-delivery-count"]' 'headers["x-rmq-reason"]' 'headers["x-rmq-attempt"]' 'body' 'json' 'exchange' 'routingKey' 'reason' 'why' 'queue' 'count' 'age' 'size' 'id' 'messageType' 'properties') ;;
    'fanout subscribe --schema') source=file ;;
    'fanout subscribe --expect-file') source=file ;;
    'fanout subscribe --junit') source=file ;;
    'fanout subscribe --dlx') source=exchange ;;
    'fanout subscribe 1') source=exchange ;;
    'topic publish --reply-to') source=queue ;;
    'topic publish --file') source=file ;;
    'topic publish --data') source=file ;;
    'topic publish --returned') source=file ;;
    'topic publish --schema') source=file ;;
    'topic publish 1') source=exchange ;;
    'topic subscribe --queue') source=queue ;;
    'topic subscribe --queue-type') choices=('classic' 'quorum') ;;
    'topic subscribe --match') choices=('headers' 'headers["x-death"]' 'headers["x-first-death-queue"]' 'headers["x-delivery-count"]' 'headers["x-rmq-reason"]' 'headers["x-rmq-attempt"]' 'body' 'json' 'exchange' 'routingKey' 'reason' 'why' 'queue' 'count' 'age' 'size' 'id' 'messageType' 'properties') ;;
    'topic subscribe --schema') source=file ;;
    'topic subscribe --expect-file') source=file ;;
    'topic subscribe --junit') source=file ;;
    'topic subscribe --dlx') source=exchange ;;
    'topic subscribe 1') source=exchange ;;
    'rpc call --file') source=file ;;
    'rpc call --match') choices=('headers' 'headers["x-death"]' 'headers["x-first-death-queue"]' 'headers["x-delivery-count"]' 'headers["x-rmq-reason"]' 'headers["x-rmq-attempt"]' 'body' 'json' 'exchange' 'routingKey' 'reason' 'why' 'queue' 'count' 'age' 'size' 'id' 'messageType' 'properties') ;;
    'rpc call --schema') source=file ;;
    'rpc call --expect-file') source=file ;;
    'rpc call --junit') source=file ;;
    'rpc call 1') source=queue ;;
    'rpc serve --queue-type') choices=('classic' 'quorum') ;;
    'rpc serve 1') source=queue ;;
    'rpc serve 2') source=command ;;
    'dlx setup --dlx') source=exchange ;;
    'dlx setup --dead-queue') source=queue ;;
    'dlx setup --dead-queue-type') choices=('classic' 'quorum') ;;
    'dlx setup --queue-type') choices=('classic' 'quorum') ;;
    'dlx setup 1') source=queue ;;
    'dlx list 1') source=queue ;;
    'dlx inspect --from-queue') source=queue ;;
    'dlx inspect --where') choices=('headers' 'headers["x-death"]' 'headers["x-first-death-queue"]' 'headers["x-delivery-count"]' 'headers["x-rmq-reason"]' 'headers["x-rmq-attempt"]' 'body' 'json' 'exchange' 'routingKey' 'reason' 'why' 'queue' 'count' 'age' 'size' 'id' 'messageType' 'properties') ;;
    'dlx inspect 1') source=queue ;;
    'dlx replay --from-queue') source=queue ;;
    'dlx replay --where') choices=('headers' 'headers["x-death"]' 'headers["x-first-death-queue"]' 'headers["x-delivery-count"]' 'headers["x-rmq-reason"]' 'headers["x-rmq-attempt"]' 'body' 'json' 'exchange' 'routingKey' 'reason' 'why' 'queue' 'count' 'age' 'size' 'id' 'messageType' 'properties') ;;
    'dlx replay --to-queue') source=queue ;;
    'dlx replay --to-exchange') source=exchange ;;
    'dlx replay --journal') source=file ;;
    'dlx replay 1') source=queue ;;
    'dlx move --from-queue') source=queue ;;
    'dlx move --where') choices=('headers' 'headers["x-death"]' 'headers["x-first-death-queue"]' 'headers["x-delivery-count"]' 'headers["x-rmq-reason"]' 'headers["x-rmq-attempt"]' 'body' 'json' 'exchange' 'routingKey' 'reason' 'why' 'queue' 'count' 'age' 'size' 'id' 'messageType' 'properties') ;;
    'dlx move --journal') source=file ;;
    'dlx move 1') source=queue ;;
    'dlx move 2') source=queue ;;
    'dlx export --from-queue') source=queue ;;
    'dlx export --where') choices=('headers' 'headers["x-death"]' 'headers["x-first-death-queue"]' 'headers["x-delivery-count"]' 'headers["x-rmq-reason"]' 'headers["x-rmq-attempt"]' 'body' 'json' 'exchange' 'routingKey' 'reason' 'why' 'queue' 'count' 'age' 'size' 'id' 'messageType' 'properties') ;;
    'dlx export --directory') source=directory ;;
    'dlx export 1') source=queue ;;
    'dlx import --queue') source=queue ;;
    'dlx import --returned') source=file ;;
    'dlx import 1') source=directory ;;
    'dlx purge --from-queue') source=queue ;;
    'dlx purge --where') choices=('headers' 'headers["x-death"]' 'headers["x-first-death-queue"]' 'headers["x-delivery-count"]' 'headers["x-rmq-reason"]' 'headers["x-rmq-attempt"]' 'body' 'json' 'exchange' 'routingKey' 'reason' 'why' 'queue' 'count' 'age' 'size' 'id' 'messageType' 'properties') ;;
    'dlx purge --export-to') source=directory ;;
    'dlx purge 1') source=queue ;;
    'topology plan 1') source=file ;;
    'topology apply 1') source=file ;;
    'topology graph --output') choices=('tree' 'mermaid' 'dot' 'json') ;;
    'context use 1') source=context ;;
    'context show 1') source=context ;;
    'context remove 1') source=context ;;
    'wait --queue') source=queue ;;
    'wait --exchange') source=exchange ;;
    'check queue --format') choices=('text' 'json' 'nagios' 'prometheus' 'junit') ;;
    'check queue 1') source=queue ;;
    'check dlx --by') choices=('reason' 'why') ;;
    'check dlx --format') choices=('text' 'json' 'nagios' 'prometheus' 'junit') ;;
    'check dlx 1') source=queue ;;
    'check broker --format') choices=('text' 'json' 'nagios' 'prometheus' 'junit') ;;
    'bench publish --queue-type') choices=('classic' 'quorum') ;;
    'bench consume --queue-type') choices=('classic' 'quorum') ;;
    'bench rpc --queue-type') choices=('classic' 'quorum') ;;
    'bench latency --queue-type') choices=('classic' 'quorum') ;;
    'broker run 1') source=command ;;
    'completion --write') source=directory ;;
    'completion --names') choices=('queue' 'exchange' 'context') ;;
    'completion 1') choices=('bash' 'zsh' 'fish') ;;
    'help 1') choices=('recipes' 'publishing' 'consuming' 'envelopes' 'output' 'patterns' 'handlers' 'dead-letters' 'looking' 'queues' 'measuring' 'topology' 'connections' 'ci' 'other-tools' 'library' 'flags' 'exit-codes') ;;
    *' --cacert') source=file ;;
    *' --cert') source=file ;;
    *' --key') source=file ;;
    *' --passphrase-file') source=file ;;
    *' --context') source=context ;;
    *' --confirm') source=context ;;
    *' --url-file') source=file ;;
    *' --output') choices=('text' 'json' 'raw') ;;
  esac
}

# Sets the words of the line up to the cursor, current as the last of them, and where each begins in COMP_WORDS, which bash also cuts at = : and @.
_rmq_words() {
  local left=${COMP_LINE:0:COMP_POINT} gap word before=
  local -i index last=-1
  words=() starts=() cut=
  for ((index = 0; index <= COMP_CWORD; index++)); do
    gap=${left%%[![:blank:]]*}
    left=${left#"$gap"}
    word=${COMP_WORDS[index]}
    ((index < COMP_CWORD)) || word=$left
    left=${left#"$word"}
    if [[ -z $gap && -n $before && $before != *[\<\>] && $word != [\<\>]* ]]; then
      cut=${words[last]}
      words[last]+=$word
    else
      cut=
      last+=1
      words[last]=$word starts[last]=$index
    fi
    before=$word
  done
  current=${words[last]}
  # What bash replaces begins behind such a cut, not with the word.
  [[ -z $word || $word == *[!=:@]* ]] || cut+=$word
}

# Looks a flag up by any of its names: sets kind and long.
_rmq_find() {
  local record
  for record in "${flags[@]}"; do
    if [[ " $record " == *" $1 "* ]]; then
      kind=${record%% *} long=${record#* }
      long=${long%% *}
      return 0
    fi
  done
  return 1
}

# Takes a word of flags: notes which were given, and which one still waits for its value.
_rmq_take() {
  local kind long letters=${1#-}
  if [[ $1 == --* ]]; then
    _rmq_find "${1%%=*}" || return 0
    given+=" $long "
    [[ $kind == switch || $1 == *=* ]] || awaited=$long
    return 0
  fi
  while [[ -n $letters ]] && _rmq_find "-${letters:0:1}"; do
    given+=" $long "
    letters=${letters:1}
    if [[ $kind != switch ]]; then
      [[ -n $letters ]] || awaited=$long
      return 0
    fi
  done
}

_rmq_offer() {
  [[ $1 != "$current"* ]] || COMPREPLY+=("${1#"$cut"}")
}

_rmq_offer_flags() {
  local record kind long short
  for record in "${flags[@]}"; do
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
  for choice in "${choices[@]}"; do
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
        mapfile -t COMPREPLY < <(compgen -P "$2" -A "$source" -- "${current#"$2"}")
        COMPREPLY=("${COMPREPLY[@]#"$cut"}")
      fi
      ;;
    command) mapfile -t COMPREPLY < <(compgen -c -- "$current") ;;
  esac
}

# Prints names of the line's broker, or of contexts; nothing where they cannot be known at once.
_rmq_names() {
  local -a via
  local -i at
  local quotes=$'[\"\'\\\\]'
  for ((at = 1; at < ${#words[@]} - 1; at++)); do
    case ${words[at]} in
      --context | -c | --url | --uri | -u | --url-file | --management-url | --cacert | --cert | --key | --passphrase-file | --servername) via+=("${words[at]}" "${words[at + 1]//$quotes/}") ;;
      --context=* | --url=* | --uri=* | --url-file=* | --management-url=* | --cacert=* | --cert=* | --key=* | --passphrase-file=* | --servername=*) via+=("${words[at]//$quotes/}") ;;
      --insecure) via+=(--insecure) ;;
      --) break ;;
    esac
  done
  command rmq completion --names "$1" --quiet "${via[@]}" </dev/null 2>/dev/null
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
  local IFS=$' \t\n'
  local -a words starts commands flags
  local cut current word path= given= awaited= behind= redirected= endless kind long
  local -i index arguments command count=0
  COMPREPLY=()
  _rmq_words
  _rmq_level ''
  for ((index = 1; index < ${#words[@]} - 1; index++)); do
    word=${words[index]}
    if [[ -n $redirected ]]; then
      redirected=
    elif [[ $word == *[\<\>]* && $word != *[!0-9\<\>\&\|]* ]]; then
      redirected=1
    elif [[ -n $awaited ]]; then
      awaited=
    elif [[ -n $behind ]]; then
      count+=1
    elif [[ $word == -- ]]; then
      behind=1
      if ((command > 0)); then
        _rmq_offer_command "${starts[index + 1]}"
        return
      fi
    elif [[ $word == -?* ]]; then
      _rmq_take "$word"
    elif ((${#commands[@]} > 0)); then
      path+=${path:+ }$word
      _rmq_level "$path"
    else
      count+=1
      if ((count == command)); then
        _rmq_offer_command "${starts[index]}"
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
    _rmq_find "${current%%=*}" && _rmq_offer_values "$path $long" "${current%%=*}="
  elif [[ -z $behind && $current == -[!-]?* ]] && _rmq_find "${current:0:2}" && [[ $kind != switch ]]; then
    _rmq_offer_values "$path $long" "${current:0:2}"
  elif [[ -z $behind && $current == -* ]]; then
    _rmq_offer_flags
  elif ((${#commands[@]} > 0)); then
    for word in "${commands[@]}"; do _rmq_offer "$word"; done
  elif ((count + 1 == command)); then
    _rmq_offer_command "${starts[index]}"
  elif ((count < arguments)); then
    _rmq_offer_values "$path $((count + 1))" ''
  elif [[ -z $behind ]]; then
    _rmq_offer_flags
  fi
}

complete -F _rmq rmq
