"""The command of top-words.toml: Python without any package. Payload: {"text": "...", "most": 5}."""

import collections
import json
import os
import re
import sys


def progress(fraction, message):
    """Each line of JSON in this file is a report; the last one counts."""
    with open(os.environ["SATE_PROGRESS"], "a", encoding="utf-8") as file:
        file.write(json.dumps({"fraction": fraction, "message": message}) + "\n")


def fail(code, message, retryable):
    """A failure that the client can fix. Exit code 75 alone would also report a failure that is worth a retry."""
    with open(os.environ["SATE_ERROR"], "w", encoding="utf-8") as file:
        json.dump({"code": code, "message": message, "retryable": retryable}, file)
    sys.exit(1)


payload = json.load(sys.stdin)
if not isinstance(payload, dict) or not isinstance(payload.get("text"), str):
    fail("no_text", "The payload must be an object with a text.", retryable=False)

lines = payload["text"].splitlines()
counts = collections.Counter()
for number, line in enumerate(lines, start=1):
    counts.update(re.findall(r"\w+", line.lower()))
    if number % 1000 == 0:
        progress(number / len(lines), f"line {number} of {len(lines)}")

# Standard error is the log of the run.
print(f"execution {os.environ['SATE_EXECUTION_ID']}, try {os.environ['SATE_TRY']}: {len(lines)} lines", file=sys.stderr)
with open(os.environ["SATE_OUTPUTS"], "w", encoding="utf-8") as file:
    words = [{"word": word, "count": count} for word, count in counts.most_common(payload.get("most", 5))]
    json.dump({"lines": len(lines), "words": words}, file)
progress(1, "done")
