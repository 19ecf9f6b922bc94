import type { Command } from '../command.ts';

const LOOK = 'rmq consume QUEUE --requeue -n N looks at messages and gives them back';
const TAKE = 'rmq consume QUEUE -n N takes messages';
const SEND = 'rmq publish -q QUEUE BODY sends a message to a queue';
const LIST = 'rmq queue status QUEUE tells of one queue; rmq dlx list lists those that dead-letter';
const DELETE = 'rmq queue delete QUEUE deletes a queue; rmq exchange delete EXCHANGE an exchange';
const FOLLOW = 'rmq consume QUEUE prints messages as they come; rmq topic subscribe EXCHANGE PATTERN prints copies';

/** What other tools call a command, and what does it here. */
export const ELSEWHERE: Readonly<Record<string, string>> = {
  bind: 'rmq queue declare QUEUE --bind EXCHANGE:KEY binds a queue',
  create: 'rmq queue declare QUEUE declares a queue',
  get: TAKE,
  list: LIST,
  ls: LIST,
  peek: LOOK,
  produce: SEND,
  pub: SEND,
  purge: 'rmq dlx purge QUEUE removes the messages of any queue',
  receive: TAKE,
  remove: DELETE,
  rm: DELETE,
  send: SEND,
  sub: FOLLOW,
  tail: FOLLOW,
};

/** What to say to somebody who has typed a command that is not there; undefined when nothing is like it. */
export function insteadOf(word: string, commands: readonly Pick<Command, 'path'>[]): string | undefined {
  if (Object.hasOwn(ELSEWHERE, word)) return ELSEWHERE[word];
  const alike = commands.filter(({ path }) => path.at(-1) === word).map(({ path }) => `rmq ${path.join(' ')}`);
  return alike.length === 0 ? undefined : `did you mean ${alike.join(' or ')}?`;
}
