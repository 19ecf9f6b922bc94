import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Failure } from '../model/failure.ts';

export interface Topic {
  readonly name: string;
  readonly summary: string;
  /** The commands that it is about, by their first words. */
  readonly about: readonly string[];
}

/** The pages, in the order in which they are read; each but `flags` is a file beside this one. */
export const topics: readonly Topic[] = [
  { name: 'recipes', summary: 'one-liners for every command, which run as they stand', about: [] },
  { name: 'publishing', summary: 'where bodies come from, what is confirmed, what becomes of the rest', about: ['publish', 'work', 'fanout', 'topic', 'rpc'] },
  { name: 'consuming', summary: 'when a run ends, what counts as acknowledged, streams', about: ['consume', 'fanout', 'topic'] },
  { name: 'envelopes', summary: 'a message as a line of JSON, without loss', about: ['publish', 'consume'] },
  { name: 'output', summary: 'what goes to standard output, and its JSON', about: ['publish', 'consume', 'rpc'] },
  { name: 'patterns', summary: 'work queues, fanout, topics, request and reply', about: ['work', 'fanout', 'topic', 'rpc'] },
  { name: 'handlers', summary: 'a program for each message: exit codes, retries, --stream', about: ['work', 'fanout', 'topic', 'rpc'] },
  { name: 'dead-letters', summary: 'from the alarm to the empty queue', about: ['dlx'] },
  { name: 'looking', summary: 'peek, tap, and what a look at a queue costs', about: ['peek', 'tap', 'consume', 'dlx'] },
  { name: 'queues', summary: 'declare, look at and delete queues', about: ['queue', 'exchange', 'binding', 'connection', 'consumer'] },
  { name: 'measuring', summary: 'rates and latencies of a broker, and what the numbers mean', about: ['bench'] },
  { name: 'topology', summary: 'exchanges, queues, bindings and policies as a file: export, plan, apply, graph', about: ['topology'] },
  { name: 'connections', summary: 'which broker, TLS, what is tried again and how often', about: ['ping', 'context'] },
  { name: 'ci', summary: 'a job in eight lines: a broker, expectations, limits, reports', about: ['broker', 'consume', 'wait', 'check'] },
  { name: 'other-tools', summary: 'from pika, amqp-publish, rabbitmqadmin and their kind', about: [] },
  { name: 'library', summary: 'the same from TypeScript', about: [] },
  { name: 'flags', summary: 'the flags of every command', about: [] },
  { name: 'exit-codes', summary: 'what each exit code means', about: [] },
];

/** In the package the program is a bundle, and the pages lie where they lie here. */
const pages = basename(import.meta.dirname) === 'guide' ? import.meta.dirname : join(import.meta.dirname, '../src/guide');

/**
 * The Markdown of a page.
 *
 * @throws Failure `io`
 */
export async function readPage(name: string): Promise<string> {
  const file = join(pages, `${name}.md`);
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new Failure('io', `cannot read ${file}`, { cause: error, hint: 'install rmq again' });
  }
}
