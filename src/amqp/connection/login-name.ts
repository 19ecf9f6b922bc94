import { Failure } from '../../model/failure.ts';
import { onOwnChannel } from './channel.ts';
import type { Connection } from './connection.ts';

/** Nobody's login. */
const NOBODY = 'rmq: nobody';

/** The name that the broker knows this connection's user by: what it says, or the one of the URL. */
export async function loginName(connection: Connection): Promise<string> {
  // One who may publish in anybody's name, or not at all.
  return (await provenLogin(connection)) ?? connection.address.username;
}

/**
 * The name that the broker knows this connection's user by. With certificates and tokens it is not the one of the URL, so the broker is asked: it refuses a
 * message with the user id of somebody else, and says whose it should be. Undefined for one who may publish in anybody's name, or not at all.
 */
export async function provenLogin(connection: Connection): Promise<string | undefined> {
  try {
    await onOwnChannel(connection, async (channel) => {
      channel.publish('', NOBODY, Buffer.alloc(0), { userId: NOBODY });
      await channel.prefetch(1);
    });
  } catch (error) {
    if (!(error instanceof Failure) || error.transient) throw error;
    const [, name] = /but authenticated user was '(.*?)'/.exec(error.message) ?? [];
    if (name !== undefined) return name;
  }
  return undefined;
}
