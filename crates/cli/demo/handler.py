"""The trigger of `headwater demo`: notes each change in the file that RECEIVED names."""

import json
import os
import time


def handler(event, context):
    at_ms = time.time() * 1000
    lines = [
        json.dumps({"at_ms": at_ms, "batch": context.aws_request_id, "record": record})
        for record in event["Records"]
    ]
    # Several copies of this function run at once, one for each shard: a batch is one write.
    out = os.open(os.environ["RECEIVED"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(out, "".join(line + "\n" for line in lines).encode())
    finally:
        os.close(out)
    print(f"{len(lines)} changes")
