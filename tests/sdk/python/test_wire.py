"""Below the SDK: headers, envelopes, and requests that no SDK would send."""

import http.client
import json
import re
import socket
import zlib

import pytest

import tables
from tables import s

SCOPE = (
    "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/dynamodb/aws4_request, "
    "SignedHeaders=host;x-amz-date, Signature=" + "0" * 64
)
HEADERS = {
    "Content-Type": "application/x-amz-json-1.0",
    "Authorization": SCOPE,
    "X-Amz-Date": "20260101T000000Z",
}
BODY_BYTES_MAX = 16 * 1024 * 1024


def address(server):
    return server.url.removeprefix("http://")


def send(server, body, target="DynamoDB_20120810.ListTables", method="POST", **more):
    """One request; the answer's status, headers and body."""
    connection = http.client.HTTPConnection(address(server), timeout=30)
    headers = {**HEADERS, "X-Amz-Target": target, **more}
    headers = {name: value for name, value in headers.items() if value is not None}
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    connection.request(method, "/", body, headers)
    reply = connection.getresponse()
    content = reply.read()
    connection.close()
    return reply.status, reply.headers, content


def refused(server, body, status, code, **more):
    got, _, content = send(server, body, **more)
    assert got == status, content
    found = json.loads(content)
    assert found["__type"].split("#")[1] == code
    return found


def test_headers(server):
    status, headers, content = send(server, {})
    assert status == 200
    assert headers["Content-Type"] == "application/x-amz-json-1.0"
    assert int(headers["x-amz-crc32"]) == zlib.crc32(content)
    assert re.fullmatch("[A-Z0-9]{52}", headers["x-amzn-RequestId"])
    assert int(headers["Content-Length"]) == len(content)


def test_health(server):
    connection = http.client.HTTPConnection(address(server), timeout=30)
    connection.request("GET", "/", headers=HEADERS)
    reply = connection.getresponse()
    assert reply.status == 200
    assert reply.read() == b"healthy: dynamodb.us-east-1.amazonaws.com "


def test_error_namespaces(server):
    missing = {"TableName": "missing", "Key": {"pk": s("a")}}
    found = refused(
        server,
        missing,
        400,
        "ResourceNotFoundException",
        target="DynamoDB_20120810.GetItem",
    )
    assert found["__type"].startswith("com.amazonaws.dynamodb.v20120810#")
    found = refused(server, {"Limit": 0}, 400, "ValidationException")
    assert found["__type"].startswith("com.amazon.coral.validate#")
    found = refused(server, b"{", 400, "SerializationException")
    assert found["__type"].startswith("com.amazon.coral.service#")


@pytest.mark.parametrize(
    "target",
    ["DynamoDB_20120810.Nonsense", "DynamoDB_20111205.ListTables", "nonsense", ""],
)
def test_unknown_targets(server, target):
    refused(server, {}, 400, "UnknownOperationException", target=target)


def test_unknown_members_are_ignored(server):
    status, _, _ = send(server, {"Nonsense": [1], "Limit": 1})
    assert status == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"nonsense",
        b'{"Limit": 1,}',
        b'{"Limit": "1x"}',
        b'{"ExclusiveStartTableName": {"a": 1}}',
        b'{"ExclusiveStartTableName": "\xff\xfe"}',
        b'{"ExclusiveStartTableName": "\\ud800"}',
        b'{"x":' * 5000,
        b"[" * 100_000,
    ],
    ids=[
        "nothing", "open", "list", "word", "comma", "wrong type", "object for string",
        "not UTF-8", "half a pair", "deep objects", "deep lists",
    ],
)  # fmt: skip
def test_malformed_bodies(server, body):
    refused(server, body, 400, "SerializationException")


@pytest.mark.parametrize(
    "value",
    [1, "x", {"S": 1}, {"N": 1}, {"BOOL": 1}, {"L": {}}, {"M": []}, {"SS": "a"}, {"B": "%"}],
)
def test_wrong_types_in_values(server, value):
    refused(
        server,
        {"TableName": "t", "Item": {"pk": value}},
        400,
        "SerializationException",
        target="DynamoDB_20120810.PutItem",
    )


def test_a_body_over_the_limit(server):
    body = b'{"x": "' + b"y" * BODY_BYTES_MAX + b'"}'
    try:
        status, _, _ = send(server, body)
    except (BrokenPipeError, ConnectionResetError):
        return
    assert status == 413


def test_wrong_content_type(server):
    status, _, content = send(server, {}, **{"Content-Type": "text/plain"})
    assert status == 404
    assert content == b"<UnknownOperationException/>\n"


def test_json_without_a_version_is_accepted(server):
    status, headers, _ = send(server, {}, **{"Content-Type": "application/json"})
    assert status == 200
    assert headers["Content-Type"] == "application/x-amz-json-1.0"


def test_a_truncated_request_harms_nobody(server):
    host, port = address(server).split(":")
    for cut in (b"POST / HT", b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\n{"):
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.sendall(cut)
    status, _, _ = send(server, {})
    assert status == 200


def test_one_connection_carries_many_requests(server):
    table = tables.create(server)
    connection = http.client.HTTPConnection(address(server), timeout=30)
    local = None
    for at in range(20):
        body = json.dumps({"TableName": table, "Item": {"pk": s(str(at))}})
        headers = {**HEADERS, "X-Amz-Target": "DynamoDB_20120810.PutItem"}
        connection.request("POST", "/", body, headers)
        reply = connection.getresponse()
        assert (reply.status, reply.read()) == (200, b"{}")
        local = local or connection.sock.getsockname()
        assert connection.sock.getsockname() == local
    connection.close()
