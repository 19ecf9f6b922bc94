#!/usr/bin/env bash
# Installs rmq, starts a broker, and hands its URLs to the steps that follow.
set -euo pipefail
npm install --global --no-audit --no-fund "$RMQ_PACKAGE" >&2
rmq --version
if [ "$RMQ_BROKER" = true ]; then
  rmq broker start --install --json > "$RUNNER_TEMP/rmq-broker.json"
  node -e '
    const { appendFileSync, readFileSync } = require("node:fs");
    const { env } = process;
    const { url, managementUrl } = JSON.parse(readFileSync(`${env.RUNNER_TEMP}/rmq-broker.json`, "utf8"));
    appendFileSync(env.GITHUB_ENV, `RABBITMQ_URL=${url}\nRABBITMQ_MANAGEMENT_URL=${managementUrl}\n`);
    appendFileSync(env.GITHUB_OUTPUT, `url=${url}\n`);
  '
fi
