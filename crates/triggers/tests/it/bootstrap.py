#!/usr/bin/env python3
"""A custom runtime that does what the event says."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time

API = os.environ["AWS_LAMBDA_RUNTIME_API"]
BASE = "/2018-06-01/runtime/"
FILES_AT_START = os.listdir(".")


def call(method, path, body=None, headers={}):
    connection = http.client.HTTPConnection(API)
    connection.request(method, BASE + path, body, headers)
    response = connection.getresponse()
    return response.status, response.headers, response.read()


def wait_for(path):
    while not os.path.exists(path):
        time.sleep(0.002)


def run(event, request_id, headers):
    do = event.get("do")
    if do == "exit":
        print("about to exit", flush=True)
        os._exit(event["status"])
    if do == "signal":
        os.kill(os.getpid(), event["signal"])
    if do == "sleep":
        print("going to sleep", flush=True)
        time.sleep(1000)
    if do == "wait":
        open(event["begun"], "w").close()
        wait_for(event["file"])
    if do == "big":
        return "x" * event["length"]
    if do == "eat":
        kept = bytearray(event["megabytes"] << 20)
        for index in range(0, len(kept), 4096):
            kept[index] = 1
        time.sleep(1000)
    if do == "spawn":
        child = subprocess.Popen(["sleep", "1000"])
        return {"pid": os.getpid(), "child": child.pid}
    if do == "environment":
        return dict(os.environ)
    if do == "oom":
        with open("/proc/self/oom_score_adj") as score:
            return int(score.read())
    if do == "headers":
        return {name.lower(): value for name, value in headers.items()}
    if do == "misuse":
        browser = {"Origin": "http://evil.example"}
        return [
            call("POST", "invocation/no-such-id/response", "{}")[0],
            call("POST", "invocation/no-such-id/error", "{}")[0],
            call("GET", "invocation/next")[0],
            call("POST", "init/error", "{}")[0],
            call("GET", "no/such/call")[0],
            call("GET", "invocation/next", headers=browser)[0],
            call("GET", "invocation/next", headers={"Host": "evil.example:80"})[0],
        ]
    return {"pid": os.getpid(), "event": event, "files": FILES_AT_START}


def main():
    if os.path.exists("refuse-to-start"):
        sys.exit(int(open("refuse-to-start").read()))
    while True:
        _, headers, body = call("GET", "invocation/next")
        request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        event = json.loads(body)
        result = json.dumps(run(event, request_id, headers))
        status, _, _ = call("POST", f"invocation/{request_id}/response", result)
        print("answered", status, flush=True)
        if event.get("do") == "leave":
            return


main()
