import { readFileSync, writeSync } from 'node:fs';
import { play, type Script } from './play.ts';

/** Plays a script, a file of JSON, in a process of its own: tests start it with the pipes, files and terminals that they need. What it tells goes to descriptor 3. */

const script = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Script;
const tell = (text: string): number => writeSync(3, `${text}\n`);

process.on('unhandledRejection', (reason) => tell(`unhandled ${String(reason)}`));

await play(script, { env: process.env, stdoutFd: 1, stderrFd: 2 }, tell);
if (script.end === 'leave') process.exit();
