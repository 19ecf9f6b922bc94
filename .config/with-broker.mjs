// Runs a command against the broker of RABBITMQ_URL, or against a throwaway one where that is not set.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';

const command = process.argv.slice(2);
const own = ['bin/rmq.js', 'broker', 'run', '--install', '--', ...command];
const child = process.env.RABBITMQ_URL ? spawn(command[0], command.slice(1), { stdio: 'inherit' }) : spawn(process.execPath, own, { stdio: 'inherit' });
// Ctrl-C on a terminal reaches the child by itself; a second one would make it leave at once.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('exit', (code, signal) => {
  process.exitCode = code ?? 128 + constants.signals[signal];
});
