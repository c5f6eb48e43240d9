"""A remote worker for Sate that needs only Python 3: it claims runs over the REST API and works on one at a time."""
import json, os, signal, sys, threading, time, urllib.error, urllib.request, uuid

URL = os.environ.get("SATE_URL", "http://127.0.0.1:5003")
HEADERS = {"content-type": "application/json", "authorization": "Bearer " + os.environ.get("SATE_API_KEY", "none")}
PROCESSOR = {"name": "letter-count", "timeout_seconds": 60, "input": {"type": "object", "required": ["text"]}}

def work(payload, stop):  # Your code: returns the outputs, or raises. Long work raises soon after stop.is_set().
    return {letter: payload["text"].count(letter) for letter in sorted(set(payload["text"]))}

def call(path, body=None, method="POST", timeout=60, patient=True):
    request = urllib.request.Request(URL + path, json.dumps(body).encode() if body else None, HEADERS, method=method)
    while True:  # Every call is safe to repeat: retry while the server is away or too busy (HTTP status 5xx).
        try:
            with urllib.request.urlopen(request, timeout=timeout) as response:
                return json.loads(response.read() or "null")
        except OSError as error:  # Includes HTTPError.
            if not patient or getattr(error, "code", 500) < 500: raise
            print(f"{URL}{path}: {error}, so it is tried again", file=sys.stderr); time.sleep(1)

def serve():
    new = call("/workers", {"name": os.uname().nodename, "processors": [PROCESSOR]})
    path, seconds, claim, ref = "/workers/" + new["worker_id"], new["heartbeat_seconds"], str(uuid.uuid4()), None
    lock, stop, ended = threading.Lock(), threading.Event(), threading.Event()
    print(f"serves {PROCESSOR['name']} for {URL} as {new['worker_id']}", flush=True)
    def beat():  # Heartbeats keep the run ours. After two without a response it may run elsewhere, so it must stop.
        heard = time.monotonic()
        while not ended.wait(seconds):
            with lock:  # No new claim may start while a heartbeat is unanswered.
                try:
                    body = {"claim_id": claim, "runs": [one for one in [ref] if one]}
                    said, heard = call(path + "/heartbeat", body, "POST", seconds, False), time.monotonic()
                    if ref in said["cancel"] + said["lost"]: stop.set()
                except OSError:
                    if time.monotonic() - heard > 1.5 * seconds: stop.set()
    threading.Thread(target=beat, daemon=True).start()
    try:
        while True:
            with lock:
                claim, ref = str(uuid.uuid4()), None
            claimed = call(path + "/claims", {"claim_id": claim, "limit": 1, "wait_seconds": 20})
            for run in claimed["runs"] if claimed else []:
                stop.clear()
                since, ref = time.monotonic(), {key: run[key] for key in ("request_id", "attempt", "execution_id", "epoch")}
                try:
                    end = {"outputs": work(run["payload"], stop), "seconds": time.monotonic() - since}
                    call(path + "/finish", {**ref, **end})
                except Exception as error:  # From your code, or a refusal of the outputs (413: too large).
                    call(path + "/finish", {**ref, "error": {"code": "failed", "message": repr(error)}})
    finally:  # Also after SIGTERM: another worker gets the unfinished run.
        ended.set()
        call(path, None, "DELETE", 5, False)

signal.signal(signal.SIGTERM, lambda *_: sys.exit())
while True:
    try:
        serve()
    except urllib.error.HTTPError as error:  # 410: the lease has expired, for example after a suspend. Register again.
        if error.code != 410: sys.exit(f"{error}: {error.read().decode()}")
