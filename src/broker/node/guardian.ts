import { spawn } from 'node:child_process';

/**
 * Waits until its input ends, which also happens when the parent is killed in a way that leaves it no time to clean up.
 * Then it kills what it was told about and removes the directory.
 *
 * Process groups reach a server script that did not replace itself by the Erlang VM. The search through `/proc` finds what
 * is in no group of ours: Erlang gives each of its helpers a session of its own, and the short-lived VM with which RabbitMQ
 * makes sure that epmd runs would otherwise start one right after ours has been killed. All of them, and only they, carry
 * the directory in their environment. A process that is expected is found in the same way until it is a target.
 */
const SCRIPT = `
directory=$1 engine=$2 targets= containers= network= expected=
without() { left=; for one in $2; do [ "$one" = "$1" ] || left="$left $one"; done; }
while read -r verb name; do
  case $verb in
    expect) expected=$name ;;
    target) targets="$targets $name" expected= ;;
    ended) without "$name" "$targets"; targets=$left ;;
    container) containers="$containers $name" ;;
    network) network=$name ;;
    keep) exit 0 ;;
  esac
done
strays() { for mark in "\${directory:+HOME=$directory/home}" "$expected"; do [ -z "$mark" ] || grep -lsF "$mark" /proc/[0-9]*/environ; done; }
running() { for target in $targets; do kill -0 "$target" && return; done; return 1; }
exec 2>/dev/null
tries=0
while [ $tries -lt 100 ]; do
  for target in $targets; do kill -KILL "$target"; done
  found=$(strays)
  for stray in $found; do stray=\${stray#/proc/}; kill -KILL "\${stray%/environ}"; done
  [ -z "$found" ] && { [ -e /proc/self/environ ] || ! running; } && break
  tries=$((tries + 1))
  sleep 0.05 || sleep 1
done
[ -z "$containers" ] || "$engine" rm --force --volumes $containers >/dev/null
[ -z "$network" ] || "$engine" network rm "$network" >/dev/null
[ -z "$directory" ] || rm -rf -- "$directory"
`;

/** Cleans up behind a broker, whatever happens to this process: the only place where that is done. */
export interface Guardian {
  /** Has the next target killed even before it is named, by something that only its environment holds. */
  expect(mark: string): void;
  /** Has a process killed in the end, or a process group when the number is negative, as in kill(2). */
  target(pid: number): void;
  /** Forgets a target that has ended: its number may be given to others. */
  ended(pid: number): void;
  container(name: string): void;
  network(name: string): void;
  /** Lets everything live. */
  keep(): Promise<void>;
  /** Kills everything and removes the directory; resolves when both have happened. */
  clean(): Promise<void>;
}

/**
 * Starts a guardian in a session of its own, where neither Ctrl-C nor the end of a terminal reaches it.
 *
 * @param directory removed in the end
 * @param engine what containers are run with
 */
export function startGuardian(directory: string | undefined, engine?: string): Guardian {
  const child = spawn('/bin/sh', ['-c', SCRIPT, 'sh', directory ?? '', engine ?? ''], { detached: true, stdio: ['pipe', 'ignore', 'ignore'], cwd: '/' });
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  child.stdin.on('error', () => {});
  child.unref();
  // The pipe alone must not keep this process from ending either.
  (child.stdin as unknown as { unref?: () => void } | null)?.unref?.();
  const tell = (line: string): void => void child.stdin.write(`${line}\n`);
  const end = (): Promise<void> => {
    child.ref();
    child.stdin.end();
    return exited;
  };
  return {
    expect: (mark) => tell(`expect ${mark}`),
    target: (pid) => tell(`target ${pid}`),
    ended: (pid) => tell(`ended ${pid}`),
    container: (name) => tell(`container ${name}`),
    network: (name) => tell(`network ${name}`),
    keep: () => {
      tell('keep');
      return end();
    },
    clean: end,
  };
}
