#!/usr/bin/env python3
"""A custom runtime that notes every event and fails when it is told to."""

import http.client
import json
import os
import time

API = os.environ["AWS_LAMBDA_RUNTIME_API"]
BASE = "/2018-06-01/runtime/invocation/"
connection = http.client.HTTPConnection(API)


def call(method, path, body=None, headers={}):
    connection.request(method, BASE + path, body, headers)
    response = connection.getresponse()
    return response.headers, response.read()


def control():
    try:
        with open(os.environ["CONTROL"]) as file:
            return json.load(file)
    except (OSError, ValueError):
        return {}


def answer(event, rules):
    if "answer" in rules:
        return rules["answer"]
    answer = {"noted": True}
    if "report" in rules:
        failed = [r for r in event["Records"] if r["dynamodb"]["Keys"]["id"]["S"] in rules["report"]]
        answer["batchItemFailures"] = [{"itemIdentifier": r["dynamodb"]["SequenceNumber"]} for r in failed]
    if "state" in event:
        answer["state"] = {"count": event["state"].get("count", 0) + len(event["Records"])}
        if "pad" in rules:
            answer["state"]["pad"] = "x" * rules["pad"]
    return answer


while True:
    headers, body = call("GET", "next")
    request_id = headers["Lambda-Runtime-Aws-Request-Id"]
    rules = control()
    line = json.dumps({"at": time.time(), "event": json.loads(body)})
    with open(os.environ["NOTES"], "a") as notes:
        notes.write(line + "\n")
    while rules.get("hold"):
        time.sleep(0.005)
        rules = control()
    if rules.get("fail") or any(id in body.decode() for id in rules.get("poison", [])):
        error = json.dumps({"errorType": "Told", "errorMessage": "told to fail"})
        call("POST", request_id + "/error", error)
    else:
        print("noted", flush=True)
        call("POST", request_id + "/response", json.dumps(answer(json.loads(body), rules)))
