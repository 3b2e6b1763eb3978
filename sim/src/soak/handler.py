#!/usr/bin/env python3
"""A function of the soak: notes what it is given and what it has done, and goes wrong in the ways that it is told.

A note is a line: `g` and the sequence numbers of an event when it comes, `d` and those of the records that are done.
"""

import json
import os
import random
import time
import urllib.request

API = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation"
NOTES = os.open(os.environ["NOTES"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
RULES = json.loads(os.environ["RULES"])


def happens(name):
    return random.random() < RULES.get(name, 0)


def note(kind, records):
    if records:
        numbers = " ".join(record["dynamodb"]["SequenceNumber"] for record in records)
        os.write(NOTES, f"{kind} {numbers}\n".encode())


def is_poison(record):
    return RULES.get("poison", False) and "poison" in record["dynamodb"]["NewImage"]


def post(request_id, what, body):
    data = json.dumps(body).encode()
    request = urllib.request.Request(f"{API}/{request_id}/{what}", data=data, method="POST")
    urllib.request.urlopen(request).close()


def handle(event, request_id):
    records = event["Records"]
    note("g", records)
    if happens("crash"):
        os._exit(3)
    if happens("hang"):
        time.sleep(60)
    time.sleep(RULES.get("slow", 0) * random.random())
    poisoned = [record for record in records if is_poison(record)]
    if happens("fail") or poisoned and not RULES.get("reports", False):
        return post(request_id, "error", {"errorType": "Told", "errorMessage": "told to fail"})
    first_bad = records.index(poisoned[0]) if poisoned else len(records)
    note("d", records[:first_bad])
    answer = {}
    if poisoned:
        number = poisoned[0]["dynamodb"]["SequenceNumber"]
        answer["batchItemFailures"] = [{"itemIdentifier": number}]
    if "state" in event:
        answer["state"] = {"count": event["state"].get("count", 0) + len(records)}
    post(request_id, "response", answer)


while True:
    with urllib.request.urlopen(f"{API}/next") as response:
        request_id = response.headers["Lambda-Runtime-Aws-Request-Id"]
        event = json.load(response)
    handle(event, request_id)
