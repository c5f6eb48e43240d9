"""A remote worker for tests: it does what the payload asks for, as processors/acts-module.ts does, one run at a time.

SATE_URL is the address of Sate, PROCESSOR the name of its processor. With RUN_LOG it logs the start and the end of each
run, as the modules of torture do.
"""

import hashlib
import json
import os
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid

URL = os.environ["SATE_URL"]
RUN_LOG = os.environ.get("RUN_LOG")
PROCESSOR = {
    "name": os.environ["PROCESSOR"],
    "version": "1",
    "timeout_seconds": 30,
    "retry": {"tries": 3, "first_seconds": 0.2, "max_seconds": 1},
}


class Failure(Exception):
    """What the run reports: a code, a message, and whether another try makes sense."""


class Stopped(Exception):
    """The run was cancelled, or it is another worker's."""


class Current:
    """The run under way, as the heartbeats see it."""

    def __init__(self, run):
        self.ref = {key: run[key] for key in ("request_id", "attempt", "execution_id", "epoch")}
        self.stop = threading.Event()
        self.is_lost = False
        self.progress = None
        self.text = ""
        self.sequence = 0

    def beat(self):
        """Its part of a heartbeat."""
        log = {"sequence": self.sequence, "text": self.text} if self.text else None
        more = {"progress": self.progress, "log": log}
        return {**self.ref, **{key: value for key, value in more.items() if value}}

    def pause(self, seconds):
        if self.stop.wait(seconds):
            raise Stopped


def work(run, current):
    payload = run["payload"]
    if "do" not in payload:
        # As torture sends it: parsing would lose digits, so only what was sent is hashed, and not by every request.
        current.pause(4.5 if hashlib.sha256(run["execution_id"].encode()).digest()[0] < 25 else 0.02)
        return {"remote": True}
    current.text = f"told to {payload['do']}\n"
    current.progress = {"fraction": 0.5, "message": "half of it"}
    if payload["do"] == "hang":
        current.pause(600)
    if payload["do"] == "fail":
        raise Failure("refused", "It was told to fail.", False)
    if payload["do"] == "retry" and run["try"] < 3:
        raise Failure("busy", "It will work soon.", True)
    return {"did": payload, "try": run["try"]}


def record(event, run):
    if not RUN_LOG:
        return
    pid = os.getpid()
    ids = {key: run[key] for key in ("execution_id", "request_id", "epoch")}
    line = {"event": event, **ids, "pid": pid, "host": pid, "monotonic_ns": str(time.clock_gettime_ns(time.CLOCK_MONOTONIC))}
    with open(RUN_LOG, "ab", buffering=0) as file:
        file.write(json.dumps(line).encode() + b"\n")


def call(path, body=None, method="POST", timeout=60, is_patient=True):
    headers = {"content-type": "application/json"}
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(URL + path, data, headers, method=method)
    while True:
        try:
            with urllib.request.urlopen(request, timeout=timeout) as response:
                return json.loads(response.read() or "null")
        except OSError as error:
            if not is_patient or getattr(error, "code", 500) < 500:
                raise
            time.sleep(0.2)


class Worker:
    def __init__(self):
        registered = call("/workers", {"name": "e2e", "processors": [PROCESSOR]})
        self.path = f"/workers/{registered['worker_id']}"
        self.seconds = registered["heartbeat_seconds"]
        self.claim = None
        self.current = None
        # No new claim may begin while a heartbeat is unanswered.
        self.lock = threading.Lock()
        self.heard = time.monotonic()
        self.ended = threading.Event()
        threading.Thread(target=self.beat, daemon=True).start()

    def is_silent(self):
        """Two heartbeats in a row got no response: its runs may be another worker's."""
        return time.monotonic() - self.heard > 1.5 * self.seconds

    def beat(self):
        while not self.ended.wait(self.seconds):
            with self.lock:
                current = self.current
                body = {"runs": [current.beat()] if current else [], **({"claim_id": self.claim} if self.claim else {})}
                try:
                    said = call(f"{self.path}/heartbeat", body, "POST", self.seconds, False)
                except OSError:
                    if current and self.is_silent():
                        current.is_lost = True
                        current.stop.set()
                    continue
                self.heard = time.monotonic()
                if current and current.text:
                    current.text, current.sequence = "", current.sequence + 1
                if current and current.ref in said["lost"]:
                    current.is_lost = True
                if current and current.ref in said["cancel"] + said["lost"]:
                    current.stop.set()

    def run(self, run):
        current = Current(run)
        self.current = current
        record("start", run)
        try:
            end = {"outputs": work(run, current)}
        except Failure as failure:
            code, message, is_retryable = failure.args
            end = {"error": {"code": code, "message": message, "retryable": is_retryable}}
        except Stopped:
            end = {"error": {"code": "stopped", "message": "It was told to stop.", "retryable": False}}
        record("end", run)
        if not current.is_lost:
            call(f"{self.path}/finish", {**current.ref, **end})
        self.current = None

    def serve(self):
        try:
            while True:
                with self.lock:
                    self.claim = str(uuid.uuid4())
                claimed = call(f"{self.path}/claims", {"claim_id": self.claim, "limit": 1, "wait_seconds": 5})
                for run in claimed["runs"] if claimed else []:
                    # The response may come late.
                    if not self.is_silent():
                        self.run(run)
        finally:
            self.ended.set()
            try:
                call(self.path, None, "DELETE", 5, False)
            except OSError:
                pass  # Its lease expires by itself.


signal.signal(signal.SIGTERM, lambda *_: sys.exit())
while True:
    try:
        Worker().serve()
    except urllib.error.HTTPError as error:
        # Its lease has expired, so it begins again.
        if error.code != 410:
            sys.exit(f"{error}: {error.read().decode()}")
