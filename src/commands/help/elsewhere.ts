import { type Command, spelling } from '../command.ts';

/** What does it here, and what other tools call it: the clients of librabbitmq, rabbitmqadmin, rabtap, amqp-utils, nats and their kind. */
const CALLED: readonly (readonly [hint: string, names: string])[] = [
  ['rmq publish -q QUEUE BODY sends a message to a queue', 'send pub produce put push enqueue emit amqp-publish amqpcat'],
  ['rmq consume QUEUE -n N takes messages; rmq peek QUEUE looks at them', 'get receive pop dequeue read fetch amqp-get'],
  ['rmq peek QUEUE -n N looks at messages and takes none', 'browse look view dump'],
  [
    'rmq tap EXCHANGE prints copies of what flows; rmq consume QUEUE takes messages as they come; rmq topic subscribe EXCHANGE PATTERN is a subscriber',
    'sub tail spy listen subscribe',
  ],
  ['rmq work run QUEUE -- CMD runs a program for each message; rmq consume QUEUE prints them', 'amqp-consume rabbitmq-cli-consumer handle worker'],
  [
    'rmq queue list lists queues, rmq queue status QUEUE tells of one, rmq dlx list lists those that dead-letter',
    'list ls list_queues list-queues queues info',
  ],
  ['rmq queue status QUEUE tells of one queue', 'stats statq'],
  ['rmq exchange list lists exchanges', 'list_exchanges list-exchanges exchanges'],
  ['rmq binding list lists bindings', 'list_bindings list-bindings bindings'],
  ['rmq connection list lists connections, rmq consumer list consumers', 'list_connections list_consumers connections consumers'],
  ['rmq queue declare QUEUE declares a queue', 'create amqp-declare-queue declare_queue declare-queue'],
  [
    'rmq queue bind QUEUE EXCHANGE KEY binds a queue; rmq queue declare QUEUE --bind EXCHANGE:KEY declares it first; rmq exchange bind EXCHANGE SOURCE KEY an exchange',
    'bind declare_binding',
  ],
  ['rmq queue delete QUEUE deletes a queue; rmq exchange delete EXCHANGE an exchange', 'remove rm drop amqp-delete-queue delete_queue delete-queue'],
  ['rmq queue purge QUEUE removes the messages of a queue; rmq dlx purge QUEUE some of them', 'purge purge_queue purge-queue clear empty'],
  ['rmq dlx replay QUEUE sends dead letters back; rmq dlx move FROM TO takes messages to another queue', 'redrive shovel requeue retry'],
  [
    'rmq topology export prints what the vhost has; rmq topology apply FILE declares it',
    'export_definitions import_definitions definitions import-definitions',
  ],
  ['rmq rpc call QUEUE BODY sends a request; rmq rpc serve QUEUE -- CMD answers', 'req request reply respond'],
  ['rmq help other-tools tells what their commands are here', 'rabbitmqadmin rabbitmqctl rabtap nats plumber kcat'],
];

export const ELSEWHERE: Readonly<Record<string, string>> = Object.fromEntries(CALLED.flatMap(([hint, names]) => names.split(' ').map((name) => [name, hint])));

/** Advice for an unknown command; undefined when no command is like it. */
export function insteadOf(word: string, commands: readonly Pick<Command, 'path'>[]): string | undefined {
  if (Object.hasOwn(ELSEWHERE, word)) return ELSEWHERE[word];
  const alike = commands.filter(({ path }) => path.at(-1) === word).map(({ path }) => `rmq ${path.join(' ')}`);
  return alike.length === 0 ? undefined : `did you mean ${alike.join(' or ')}?`;
}

const MOST_NAMED = 3;

/** Advice for an unknown flag that other commands have, or that is a letter; undefined when there is none. */
export function flagInstead(flag: string, commands: readonly Pick<Command, 'path' | 'inputs'>[]): string | undefined {
  const owners = commands.filter(({ inputs }) => Object.entries(inputs).some(([key, input]) => input.kind === 'flag' && spelling(key, input) === flag));
  if (owners.length > 0 && owners.length <= MOST_NAMED) return `${flag} is one of ${owners.map(({ path }) => `rmq ${path.join(' ')}`).join(', ')}`;
  return /^--[a-z]$/i.test(flag) ? `did you mean ${flag.slice(1)}?` : undefined;
}
