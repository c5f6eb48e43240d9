"""Does what the payload asks for."""

import json
import os
import subprocess
import sys
import time

payload = json.load(sys.stdin)
tries = int(os.environ["SATE_TRY"])
print(f"told to {payload['do']}", file=sys.stderr, flush=True)
with open(os.environ["SATE_PROGRESS"], "a") as progress:
    progress.write('{"fraction": 0.5, "message": "half of it"}\n')
if payload["do"] == "nest":
    # A process in its own group, and one that leaves it. Their command lines name the execution.
    sleep = ["sh", "-c", f"sleep 3600; : {os.environ['SATE_EXECUTION_ID']}"]
    for command in [sleep, ["setsid", *sleep]]:
        subprocess.Popen(command)
if payload["do"] in ("hang", "nest"):
    time.sleep(600)
if payload["do"] == "fail":
    with open(os.environ["SATE_ERROR"], "w") as error:
        json.dump({"code": "refused", "message": "It was told to fail.", "retryable": False}, error)
    sys.exit(1)
if payload["do"] == "retry" and tries < 3:
    sys.exit(75)
with open(os.environ["SATE_OUTPUTS"], "w") as outputs:
    json.dump({"did": payload, "try": tries}, outputs)
