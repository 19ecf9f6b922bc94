import { Failure } from '../model/failure.ts';
import type { Message } from '../model/message.ts';
import { formatSize } from '../model/quantity.ts';

/** A rule of the broker that some messages break, over which it closes the channel. */
export interface Refusal {
  readonly concerns: (message: Message) => boolean;
  /** True when it is about the exchange: no message to it will ever go. */
  readonly ofExchange: boolean;
  readonly failure: (message: Message | undefined) => Failure;
}

const INTERNAL_ERROR = 541;
const MAX_INTERNAL_ERRORS = 3;

/** Tells of each loss whether the next connection would end the same: an internal error that comes again and again is about a message, not the broker. */
export function poisonTest(): (failure: Failure) => boolean {
  let internalErrors = 0;
  return ({ code }) => code === INTERNAL_ERROR && ++internalErrors > MAX_INTERNAL_ERRORS;
}

/** The rule that a channel was closed over, when its text tells which messages break it. */
export function refusalOf(cause: Failure): Refusal | undefined {
  const size = /message size (\d+) (?:is )?larger than (?:configured )?max size (\d+)/.exec(cause.message);
  if (size !== null) return sizeRefusal(Number(size[2]), cause);
  const user = /user_id property set to '(.*?)' but authenticated user was/.exec(cause.message);
  if (user !== null) return userRefusal(user[1] ?? '', cause);
  const exchange = /(?:no|access to) exchange '(.*?)' in vhost/.exec(cause.message);
  // The default exchange has a name here that nothing else knows it by.
  const name = exchange?.[1] === 'amq.default' ? '' : exchange?.[1];
  if (name !== undefined) return { concerns: (message) => message.exchange === name, ofExchange: true, failure: () => cause };
  return undefined;
}

function sizeRefusal(most: number, cause: Failure): Refusal {
  return {
    ofExchange: false,
    concerns: ({ body }) => body.length > most,
    failure: (message) =>
      new Failure(
        'refused',
        `the body${message === undefined ? '' : ` has ${formatSize(message.body.length)} and`} is larger than the broker's limit of ${formatSize(most)}`,
        {
          cause,
          hint: "the limit is max_message_size in the broker's configuration",
        },
      ),
  };
}

function userRefusal(user: string, cause: Failure): Refusal {
  return {
    ofExchange: false,
    concerns: ({ properties }) => properties.userId === user,
    failure: () =>
      new Failure('refused', `the broker does not take messages with the user id "${user}" on this login`, {
        cause,
        hint: 'leave out --user-id, or log in as that user',
      }),
  };
}
