import type { Tour } from '../tour.ts';

/** A program answers requests; its exit code is the caller's. */
export async function rpcScene({ queue, run, check }: Tour): Promise<void> {
  const fib = queue('fib');
  await run(`rmq rpc call ${fib} 30`, 69);
  const server = `rmq rpc serve ${fib} --concurrency 4 -n 22 --quiet -- node -e '
    const n = Number(require("fs").readFileSync(0, "utf8"));
    if (!(n >= 0)) { console.error("not a number"); process.exit(3); }
    const fib = (k) => (k < 2 ? k : fib(k - 1) + fib(k - 2));
    process.stdout.write(String(fib(n)));'`;
  const wait = `until rmq rpc call ${fib} 10 --quiet 2> /dev/null; do sleep 0.1; done`;
  const replies = await run(`${server} & ${wait}; seq 0 19 | rmq rpc call ${fib} --lines --concurrency 4; rmq rpc call ${fib} x; echo "exit $?"; wait`);
  check('the replies came in the order of the requests', replies.startsWith('55\n0\n1\n1\n2\n3\n5\n8\n13\n'));
  check("the caller got the handler's own exit code", replies.includes('exit 3'));
}
