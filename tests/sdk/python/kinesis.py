"""A service that takes records as Kinesis' PutRecords does, and keeps them."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Kinesis:
    """`records` has what was taken, as (stream, change), in the order in which it came."""

    def __init__(self):
        self.records = []
        self.requests = []
        self.is_down = False
        self._lock = threading.Lock()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, answer = owner._take(dict(self.headers.items()), body)
                answer = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.1")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def _take(self, headers, body):
        request = json.loads(body)
        with self._lock:
            self.requests.append({name.lower(): value for name, value in headers.items()})
            if self.is_down:
                return 503, {"__type": "ServiceUnavailableException"}
            for record in request["Records"]:
                change = json.loads(base64.b64decode(record["Data"]))
                self.records.append((request["StreamARN"], change))
            count = len(request["Records"])
            taken = [{"SequenceNumber": "1", "ShardId": "shardId-0"}] * count
            return 200, {"FailedRecordCount": 0, "Records": taken}

    def changes(self, stream):
        """The changes that a stream has."""
        with self._lock:
            return [change for arn, change in self.records if arn == stream]
