import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { type ManagementApi, openManagementApi } from '../../src/management/api.ts';
import { peer } from '../support/broker.ts';

function api(url: string, given: Partial<Parameters<typeof openManagementApi>[0]> = {}): ManagementApi {
  return openManagementApi({ url, username: 'guest', password: 'guest', vhost: '/', timeout: 10_000, signal: new AbortController().signal, ...given });
}

const real = (): string => process.env['RABBITMQ_MANAGEMENT_URL'] ?? assert.fail('RABBITMQ_MANAGEMENT_URL is not set: run the tests with npm test');

/** A server that answers every request alike, and what it was asked. */
async function answering(
  t: TestContext,
  answer: (path: string) => unknown,
): Promise<{ readonly url: string; readonly asked: { path: string; authorization: string }[] }> {
  const asked: { path: string; authorization: string }[] = [];
  const server = createServer((request, response) => {
    asked.push({ path: request.url ?? '', authorization: Buffer.from(request.headers.authorization?.slice(6) ?? '', 'base64').toString() });
    response.end(JSON.stringify(answer(request.url ?? '')));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return { url: `127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

test('a queue is described with its type and its arguments, and one that is not there is undefined', async (t) => {
  const { queue } = await peer(t);
  const name = await queue({ arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': 7 } }, 'a/b %');
  const facts = await api(real()).queue(name);
  assert.deepEqual([facts?.name, facts?.type, facts?.arguments['x-delivery-limit'], facts?.policy], [name, 'quorum', 7, undefined]);
  assert.equal(await api(real()).queue(`${name}.absent`), undefined);
});

test('queues are asked for at once, and those of given names page by page: only pages are filtered', async (t) => {
  const { url, asked } = await answering(t, (path) => {
    const page = /&page=(\d)/.exec(path)?.[1];
    return page === undefined ? [{ name: 'q' }] : { items: [{ name: `q${page}` }], page_count: 3 };
  });
  const names = (listed: readonly { readonly name?: unknown }[]): unknown[] => listed.map(({ name }) => name);
  assert.deepEqual(names(await api(`http://${url}`).queues()), ['q']);
  assert.equal(asked.length, 1);
  const given = { everywhere: true, queues: ['q1', 'q2', 'q3'] };
  assert.deepEqual(names(await api(`http://${url}`).objects('queues', ['name'], given)), ['q1', 'q2', 'q3']);
  assert.equal(asked.length, 4);
});

test('a user in the URL is asked as; without one, the user of the broker; a path before /api is kept, the vhost encoded', async (t) => {
  const { url, asked } = await answering(t, () => []);
  await api(`http://me:p%40ss@${url}/rabbit/`, { vhost: 'a/b' }).policies();
  await api(`http://${url}/api/`).policies();
  assert.deepEqual(asked, [
    { path: '/rabbit/api/policies/a%2Fb', authorization: 'me:p@ss' },
    { path: '/api/policies/%2F', authorization: 'guest:guest' },
  ]);
});

test('an answer that does not come in time is a failure, and so is a run that is stopped', async (t) => {
  const silent = createServer(() => undefined).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  t.after(() => {
    silent.closeAllConnections();
    silent.close();
  });
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  await assert.rejects(api(url, { timeout: 50 }).policies(), { kind: 'unavailable', message: /did not answer within 50 ms/ });
  // A list may take longer, but not when the API answers nothing else.
  const patient = api(url, { timeout: 50, listTimeout: 100_000 });
  await Promise.all([patient.overview(), patient.policies()].map((asked) => assert.rejects(asked, { message: /did not answer within 50 ms/ })));
  const stop = new AbortController();
  const asked = api(url, { signal: stop.signal }).policies();
  stop.abort();
  await assert.rejects(asked, { kind: 'interrupted' });
});
