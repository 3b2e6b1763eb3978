#!/usr/bin/env python3
"""Notes the sequence number of each record that it is given, all of an event in one write."""

import json
import os
import urllib.request

API = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation"
NOTES = os.open(os.environ["NOTES"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

while True:
    with urllib.request.urlopen(f"{API}/next") as response:
        request_id = response.headers["Lambda-Runtime-Aws-Request-Id"]
        event = json.load(response)
    numbers = [record["dynamodb"]["SequenceNumber"] for record in event["Records"]]
    os.write(NOTES, "".join(f"{number}\n" for number in numbers).encode())
    answer = urllib.request.Request(f"{API}/{request_id}/response", data=b"null", method="POST")
    urllib.request.urlopen(answer).close()
