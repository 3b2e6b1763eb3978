#!/usr/bin/env python3
"""A function of the soak: notes what it is given and what it has done, and goes wrong in the ways that it is told.

A note is a line: `g` and the sequence numbers of an event when it comes, `d` and those of the records that are done.
"""

import http.client
import json
import os
import random
import time

BASE = "/2018-06-01/runtime/invocation"
CONNECTION = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
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


def ask(method, what, body=None):
    CONNECTION.request(method, f"{BASE}/{what}", body)
    response = CONNECTION.getresponse()
    return response.headers, response.read()


def post(request_id, what, body):
    ask("POST", f"{request_id}/{what}", json.dumps(body))


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
    headers, event = ask("GET", "next")
    handle(json.loads(event), headers["Lambda-Runtime-Aws-Request-Id"])
