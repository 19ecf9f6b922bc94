import { Failure } from '../../model/failure.ts';
import { onOwnChannel } from './channel.ts';
import type { Connection } from './connection.ts';

/** A user id that no login has. */
const NO_USER = 'rmq: nobody';

/** The broker's name for this connection's user: as the broker tells it, or as the URL has it. */
export async function loginName(connection: Connection): Promise<string> {
  // Undefined: this user may set any user id, or may not publish at all.
  return (await provenLogin(connection)) ?? connection.address.username;
}

/**
 * The broker's name for this connection's user. With certificates and tokens the URL does not know it, so the broker is asked: it refuses a
 * message with another user id and names the right one. Undefined for a user who may set any user id, or may not publish at all.
 */
export async function provenLogin(connection: Connection): Promise<string | undefined> {
  try {
    await onOwnChannel(connection, async (channel) => {
      channel.publish('', NO_USER, Buffer.alloc(0), { userId: NO_USER });
      await channel.prefetch(1);
    });
  } catch (error) {
    if (!(error instanceof Failure) || error.transient) throw error;
    const [, name] = /but authenticated user was '(.*?)'/.exec(error.message) ?? [];
    if (name !== undefined) return name;
  }
  return undefined;
}
