"""Expecting an error answer: its code, its text and its status."""

import contextlib
import re

import pytest
from botocore.exceptions import ClientError


@contextlib.contextmanager
def refused(code, message=None, status=400):
    """The block must raise the error `code`; `message` is the exact text, or a compiled pattern."""
    with pytest.raises(ClientError) as caught:
        yield caught
    answer = caught.value.response
    assert answer["Error"]["Code"] == code, answer["Error"]
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == status
    text = answer["Error"]["Message"]
    if isinstance(message, re.Pattern):
        assert message.search(text), text
    elif message is not None:
        assert text == message


def enveloped(text):
    """How the writes of one item tell what they refuse before they look for the table."""
    return f"1 validation error detected: {text}"


def constraint(value, path, rule, count=1):
    """The text of one failed constraint, as the service words it."""
    errors = "error" if count == 1 else "errors"
    return (
        f"{count} validation {errors} detected: Value {value} at '{path}' "
        f"failed to satisfy constraint: {rule}"
    )
