#!/usr/bin/env node
// A bug, until a run has said how it ended: an event loop that runs dry must not look like success.
process.exitCode = 70;
require('../dist/boot.cjs')
  .run(process.argv.slice(2))
  // All is written and closed; taking the heap apart would cost more than a millisecond.
  .then((code) => process.exit(code));
