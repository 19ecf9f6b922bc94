import assert from 'node:assert/strict';
import type { Broker } from '../../src/broker/broker.ts';

/** A request to the management API of a private broker; a refusal fails the test. Resolves with what it answers, if it does. */
export async function manage(broker: Pick<Broker, 'managementUrl'>, method: 'GET' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<unknown> {
  const { username, password, origin } = new URL(broker.managementUrl);
  const response = await fetch(`${origin}/api/${path}`, {
    method,
    headers: { authorization: `Basic ${btoa(`${username}:${password}`)}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}

/** Creates a user who may do everything in these vhosts, which are created with it. */
export async function createUser(broker: Pick<Broker, 'managementUrl'>, name: string, password: string | undefined, vhosts: readonly string[]): Promise<void> {
  await manage(broker, 'PUT', `users/${encodeURIComponent(name)}`, { ...(password === undefined ? { password_hash: '' } : { password }), tags: '' });
  for (const vhost of vhosts) {
    if (vhost !== '/') await manage(broker, 'PUT', `vhosts/${encodeURIComponent(vhost)}`, {});
    await manage(broker, 'PUT', `permissions/${encodeURIComponent(vhost)}/${encodeURIComponent(name)}`, { configure: '.*', write: '.*', read: '.*' });
  }
}
