"""An endpoint to try notify.toml with: python3 examples/receiver.py [port]. Python without any package."""

import http.server
import json
import sys

seen = set()


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        payload = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key = self.headers["Idempotency-Key"]
        print(f"try {self.headers['Sate-Try']} of execution {key}: {payload}", flush=True)
        # The first call is refused if the payload asks for it. Sate then tries again.
        is_first = key not in seen
        seen.add(key)
        if is_first and payload.get("busy"):
            return self.respond(503, {"error": "busy"})
        return self.respond(200, {"delivered": True, "to": payload.get("to")})

    def respond(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


port = int(sys.argv[1]) if len(sys.argv) > 1 else 8090
http.server.ThreadingHTTPServer(("127.0.0.1", port), Receiver).serve_forever()
