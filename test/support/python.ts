import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { brokerUrl } from './broker.ts';

const run = promisify(execFile);

const CANDIDATES = ['/usr/bin/python3', 'python3'];
const APT = { DEBIAN_FRONTEND: 'noninteractive' };
/** Other test files may be installing it at the same time. */
const PATIENT = ['-o', 'DPkg::Lock::Timeout=300'];

let found: Promise<string> | undefined;

/** A Python that has pika: what we must get along with. It is installed where there is none, as the broker is; a machine where that cannot be done fails the test. */
export function pythonWithPika(): Promise<string> {
  found ??= find().then(async (python) => python ?? (await install()));
  return found;
}

async function find(): Promise<string | undefined> {
  for (const python of CANDIDATES) {
    const has = await run(python, ['-c', 'import pika']).then(
      () => true,
      () => false,
    );
    if (has) return python;
  }
  return undefined;
}

async function install(): Promise<string> {
  const env = { ...process.env, ...APT };
  const apt = process.getuid?.() === 0 ? ['apt-get'] : ['sudo', '-n', 'apt-get'];
  const [program = '', ...first] = apt;
  try {
    const args = [...first, ...PATIENT, 'install', '-y', '-qq', '--no-install-recommends', 'python3-pika'];
    await run(program, args, { env }).catch(async () => {
      await run(program, [...first, 'update', '-qq'], { env });
      await run(program, args, { env });
    });
  } catch (error) {
    throw new Error('the tests need a python3 with pika: apt-get install python3-pika, or pip install pika', { cause: error });
  }
  return (await find()) ?? Promise.reject(new Error('python3-pika is installed, and no python3 has it'));
}

/** What every program has: a connection `conn` and its channel `ch`. */
const PREAMBLE = `
import json, os, pika, sys
conn = pika.BlockingConnection(pika.URLParameters(os.environ["RABBITMQ_URL"]))
ch = conn.channel()
`;

/** Runs a Python program that uses pika, and resolves with what it prints. */
export async function pika(program: string): Promise<string> {
  const { stdout } = await run(await pythonWithPika(), ['-c', `${PREAMBLE}${program}\nconn.close()\n`], {
    env: { ...process.env, RABBITMQ_URL: brokerUrl() },
    timeout: 60_000,
  });
  return stdout;
}
