"""Answers each task of `rmq work run --stream` with an ack."""

import json
import sys

for line in sys.stdin:
    task = json.loads(line)
    # The work would be done here, with task["body"].
    print(json.dumps({"id": task["id"], "verdict": "ack"}), flush=True)
