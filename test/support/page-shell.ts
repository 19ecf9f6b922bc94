import { execFile } from 'node:child_process';
import { readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { scratchDirectory } from './programs.ts';
import { ownVhost } from './users.ts';

const BIN = fileURLToPath(new URL('../../bin/rmq.js', import.meta.url));

/** What lines did, and the files that they left. */
export interface PageRun {
  readonly code: number;
  readonly stderr: string;
  readonly file: (name: string) => Promise<string>;
}

/** A shell for the lines of a page, in a directory of its own with `rmq` and a vhost of its own on the broker of the tests. */
export async function pageShell(t: TestContext): Promise<(lines: string) => Promise<PageRun>> {
  const directory = await scratchDirectory(t);
  await symlink(BIN, join(directory, 'rmq'));
  const env = {
    ...process.env,
    PATH: `${directory}:${process.env['PATH']}`,
    RABBITMQ_URL: await ownVhost(t),
    RMQ_URL: '',
    RMQ_CONTEXT: '',
    XDG_CONFIG_HOME: join(directory, 'config'),
  };
  const file = (name: string): Promise<string> => readFile(join(directory, name), 'utf8');
  return (lines) =>
    promisify(execFile)('bash', ['-euo', 'pipefail', '-c', lines], { env, cwd: directory, maxBuffer: 10_000_000, timeout: 300_000 }).then(
      ({ stderr }) => ({ code: 0, stderr, file }),
      ({ code, stderr }: { code: number; stderr: string }) => ({ code, stderr, file }),
    );
}
