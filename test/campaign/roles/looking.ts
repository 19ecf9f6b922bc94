import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Findings } from '../fault.ts';
import { type Act, bodyOf, emptied, filled, idsOf, linesIn, repeated, type Stage } from '../stage.ts';
import type { Ended } from '../watched.ts';

/** `rmq dlx inspect`: everything is printed, and everything stays. */
export async function inspect(stage: Stage): Promise<Act> {
  const queue = await filled(stage, idsOf(stage.messages));
  return {
    argv: ['dlx', 'inspect', queue, '-o', 'json'],
    bytes: stage.messages * 130,
    begun: async (run) => void (await run.says('stdout', '\n')),
    judge: (ended, { stdout }) => judgeLook(stage, queue, ended, stdout ? linesIn(ended.stdout).flatMap(bodyIn) : undefined),
  };
}

/** `rmq dlx export`: everything is in the files, and everything stays. */
export async function exporting(stage: Stage): Promise<Act> {
  const queue = await filled(stage, idsOf(stage.messages));
  const directory = join(stage.directory, 'exported');
  return {
    argv: ['dlx', 'export', queue, '-d', directory, '--json'],
    bytes: stage.messages * 130,
    begun: (run) => run.while(async () => (await readdir(directory).catch(() => [])).length > 0),
    judge: async (ended) => judgeLook(stage, queue, ended, await exported(directory)),
  };
}

async function exported(directory: string): Promise<string[]> {
  const names = (await readdir(directory).catch(() => [])).filter((name) => name.startsWith('messages-'));
  const texts = await Promise.all(names.map((name) => readFile(join(directory, name), 'utf8')));
  return texts.flatMap(linesIn).flatMap(bodyIn);
}

/** The body of an envelope; none for a line that was cut off. */
function bodyIn(line: string): string[] {
  try {
    return [(JSON.parse(line) as { body: string }).body];
  } catch {
    return [];
  }
}

/** What it has shown is undefined where nobody could see it. */
async function judgeLook({ messages, url }: Stage, queue: string, ended: Ended, shown: readonly string[] | undefined): Promise<Findings> {
  const bodies = idsOf(messages).map(bodyOf);
  const left = await emptied(url, queue, (all) => new Set(all).size >= messages);
  const there = new Set(left);
  const wrong: string[] = [];
  if (ended.code === 0 && shown !== undefined && new Set(shown).size < messages) wrong.push(`exit 0 with ${new Set(shown).size} of ${messages} shown`);
  const copies = /copied|copies|cop(y|ies) /.test(ended.stderr);
  const twice = repeated(left);
  return {
    lost: bodies.filter((body) => !there.has(body)).length,
    told: copies ? twice : 0,
    untold: copies ? 0 : twice,
    untrue: left.filter((body) => !bodies.includes(body)).map((body) => `nobody sent ${JSON.stringify(body.slice(0, 40))}`),
    wrong,
  };
}
