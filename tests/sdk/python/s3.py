"""A service that speaks as much of S3's protocol as exports and imports need, in memory, and can be made to fail."""

import base64
import hashlib
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.sax.saxutils import escape

PAGE_MAX = 2


class FakeS3:
    """`objects` by bucket and key; `headers` of each put by key; the next requests are answered with `failures`."""

    def __init__(self, *buckets):
        self.objects = {bucket: {} for bucket in buckets}
        self.headers = {}
        self.requests = []
        self.failures = []
        handler = type("Handler", (Handler,), {"service": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_any(self):
        length = int(self.headers.get("content-length", 0))
        body = self.rfile.read(length)
        path, _, query = self.path.partition("?")
        self.service.requests.append((self.command, self.path))
        sent = self.headers.get("x-amz-content-sha256")
        authorization = self.headers.get("authorization", "")
        if sent != hashlib.sha256(body).hexdigest() or "/s3/aws4_request" not in authorization:
            return self.answer(403, "<Error><Code>AccessDenied</Code></Error>")
        if self.service.failures:
            return self.answer(self.service.failures.pop(0), "<Error><Code>SlowDown</Code></Error>")
        bucket, _, key = path.removeprefix("/").partition("/")
        key = urllib.parse.unquote(key)
        objects = self.service.objects.get(urllib.parse.unquote(bucket))
        if objects is None:
            return self.answer(404, "<Error><Code>NoSuchBucket</Code></Error>")
        if self.headers.get("x-amz-expected-bucket-owner") not in (None, "000000000000"):
            return self.answer(403, "<Error><Code>AccessDenied</Code></Error>")
        if self.command == "PUT":
            objects[key] = body
            self.service.headers[key] = dict(self.headers)
            return self.answer(200, "")
        if self.command == "DELETE":
            objects.pop(key, None)
            return self.answer(204, "")
        if not key:
            return self.list(objects, urllib.parse.parse_qs(query))
        if key not in objects:
            return self.answer(404, "<Error><Code>NoSuchKey</Code></Error>")
        first, last = self.headers["range"].removeprefix("bytes=").split("-")
        return self.answer(206, objects[key][int(first) : int(last) + 1])

    do_GET = do_PUT = do_DELETE = handle_any

    def list(self, objects, query):
        behind = base64.b64decode(query.get("continuation-token", [""])[0]).decode()
        prefix = query.get("prefix", [""])[0]
        keys = sorted(key for key in objects if key.startswith(prefix) and key > behind)
        page = keys[:PAGE_MAX]
        parts = ["<ListBucketResult>"]
        for key in page:
            shown = escape(urllib.parse.quote(key, safe=""))
            parts.append(f"<Contents><Key>{shown}</Key><Size>{len(objects[key])}</Size></Contents>")
        if len(keys) > len(page):
            token = base64.b64encode(page[-1].encode()).decode()
            parts.append("<IsTruncated>true</IsTruncated>")
            parts.append(f"<NextContinuationToken>{token}</NextContinuationToken>")
        self.answer(200, "".join(parts) + "</ListBucketResult>")

    def answer(self, status, body):
        body = body if isinstance(body, bytes) else body.encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass
