import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const script = (name: string): string => fileURLToPath(new URL(`peers/${name}`, import.meta.url));
const answers = (command: string, args: readonly string[]): boolean => {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

export const RMQ = [process.execPath, fileURLToPath(new URL('../../bin/rmq.js', import.meta.url))] as const;
export const NODE = [process.execPath, '-e', '0'] as const;
export const BARE_PUBLISH = [process.execPath, script('publish-amqplib.mjs')] as const;
export const BARE_CONSUME = [process.execPath, script('consume-amqplib.mjs')] as const;
export const BARE_GROUP = [process.execPath, script('group-amqplib.mjs')] as const;

/** `amqp-publish` of amqp-tools, if it is there. */
export function findAmqpPublish(): readonly string[] | undefined {
  return answers('amqp-publish', ['--help']) ? ['amqp-publish'] : undefined;
}

/** Whether curl and jq are there. */
export function findCurlAndJq(): true | undefined {
  return answers('curl', ['--version']) && answers('jq', ['--version']) ? true : undefined;
}

/** `amqp-consume` of amqp-tools, if it is there. */
export function findAmqpConsume(): readonly string[] | undefined {
  return answers('amqp-consume', ['--help']) ? ['amqp-consume'] : undefined;
}

/** The same in C, built where gcc and librabbitmq are there. */
export function findC(directory: string, url: string, queue: string): ((...words: readonly string[]) => readonly string[]) | undefined {
  const program = join(directory, 'lines');
  const { protocol, hostname, port, username, password, pathname } = new URL(url);
  if (protocol !== 'amqp:' || !answers('gcc', ['-O2', '-o', program, script('lines.c'), '-lrabbitmq'])) return undefined;
  const place = [hostname, port || '5672', username || 'guest', password || 'guest', pathname.slice(1)].map(decodeURIComponent);
  return (verb = '', ...words) => [program, verb, ...place, queue, ...words];
}

export const STREAM_WORKER = script('stream-worker.py');

export function findPython(): readonly string[] | undefined {
  return answers('python3', ['-c', '']) ? ['python3'] : undefined;
}

/** The first Python that has pika with one of the scripts, if one does. */
const pika =
  (name: string): (() => readonly string[] | undefined) =>
  () => {
    const python = ['python3', '/usr/bin/python3'].find((candidate) => answers(candidate, ['-c', 'import pika']));
    return python === undefined ? undefined : [python, script(name)];
  };

export const findPikaConsume = pika('consume-pika.py');
export const findPikaRpc = pika('rpc-pika.py');
