import assert from 'node:assert/strict';
import { brokerUrl, unique } from './broker.ts';
import type { Cleanup } from './faults.ts';

export interface Permissions {
  readonly configure?: string;
  readonly write?: string;
  readonly read?: string;
  /** Such as `management`; none unless told. */
  readonly tags?: string;
  /** Its name unless told. */
  readonly password?: string;
}

/** A user of the shared broker who may do no more than this, for as long as the test runs. Resolves with the broker's URL for that user. */
export async function restrictedUser(t: Cleanup, { configure = '^$', write = '^$', read = '^$', tags = '', password }: Permissions): Promise<string> {
  const url = new URL(brokerUrl());
  const name = unique('user');
  await ask('PUT', `users/${name}`, { password: password ?? name, tags });
  t.after(() => ask('DELETE', `users/${name}`));
  const vhost = url.pathname.length > 1 ? url.pathname.slice(1) : '%2F';
  await ask('PUT', `permissions/${vhost}/${name}`, { configure, write, read });
  url.username = name;
  url.password = password ?? name;
  return url.href;
}

/** Gives a user of the shared broker another password. */
export async function changePassword(user: string, password: string): Promise<void> {
  await ask('PUT', `users/${user}`, { password, tags: '' });
}

async function ask(method: 'PUT' | 'DELETE', path: string, body?: unknown): Promise<void> {
  const { username, password, origin } = new URL(
    process.env['RABBITMQ_MANAGEMENT_URL'] ?? assert.fail('RABBITMQ_MANAGEMENT_URL is not set: run the tests with npm test'),
  );
  const response = await fetch(`${origin}/api/${path}`, {
    method,
    headers: { authorization: `Basic ${btoa(`${username}:${password}`)}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${await response.text()}`);
}

/** A vhost of the shared broker, for as long as the test runs. Resolves with the broker's URL for it. */
export async function ownVhost(t: Cleanup): Promise<string> {
  const url = new URL(brokerUrl());
  const name = unique('vhost');
  await ask('PUT', `vhosts/${name}`);
  t.after(() => ask('DELETE', `vhosts/${name}`));
  await ask('PUT', `permissions/${name}/${url.username}`, { configure: '.*', write: '.*', read: '.*' });
  url.pathname = name;
  return url.href;
}

/** A policy for one queue of the shared broker, for as long as the test runs. */
export async function policyFor(t: Cleanup, queue: string, definition: Readonly<Record<string, unknown>>): Promise<void> {
  const path = `policies/%2F/${encodeURIComponent(queue)}`;
  await ask('PUT', path, { pattern: `^${queue.replaceAll('.', '\\.')}$`, definition, 'apply-to': 'queues', priority: 1 });
  t.after(() => ask('DELETE', path));
}
