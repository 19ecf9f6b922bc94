import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { draw } from '../demo/picture.ts';
import { ownVhost } from '../support/users.ts';

const typed = (svg: string): string[] => [...svg.matchAll(/class="typed">([^<]*)</g)].map(([, line = '']) => line);

test('the picture of the README shows what its script draws; npm run picture draws it anew', async (t) => {
  const drawn = await draw({ ...process.env, RABBITMQ_URL: await ownVhost(t), RMQ_URL: '' });
  const kept = await readFile(new URL('../../src/guide/terminal.svg', import.meta.url), 'utf8');
  assert.deepEqual(typed(kept), typed(drawn));
  for (const svg of [kept, drawn])
    for (const shown of ['1 confirmed', '1 acknowledged', '1 dead-lettered', 'unknown customer  2', 'replayed 1']) assert.ok(svg.includes(shown), shown);
});
