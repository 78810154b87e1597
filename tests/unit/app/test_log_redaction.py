"""Logs are JSON lines with constant events, the process's facts, and no secret at any depth."""

from __future__ import annotations

import io
import json
import logging
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from app import log
from app.log import MASK, redact

SECRET = "hunter2-correct-horse"  # pragma: allowlist secret


Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture(name="lines")
def _lines() -> Iterator[Lines]:
    """Configure logging as the service does; return what was written so far."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    log.configure("info", "1.2.3", "blue")
    (handler,) = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    written = io.StringIO()
    handler.setStream(written)
    yield lambda: [json.loads(x) for x in written.getvalue().splitlines()]
    root.handlers = before
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize(
    "key",
    [
        "password", "PASSWORD", "db_password", "passwordHash", "token", "accessToken", "api_key",
        "apiKey", "API-Key", "x-api-key", "secret", "client_secret", "Authorization",
        "Cookie", "Set-Cookie", "key_pepper",
    ],
)  # fmt: skip
def test_what_goes_by_a_secrets_name_is_masked(key: str) -> None:
    assert redact({key: SECRET}) == {key: MASK}
    assert redact({key: {"inner": SECRET}}) == {key: MASK}


@pytest.mark.parametrize(
    "text",
    [
        f"dash_AbCdEf123456_{SECRET}",
        f"Authorization: Bearer {SECRET}",
        f"bearer   {SECRET}",
        f"Basic {SECRET}",
        f"postgresql://dash_app:{SECRET}@db-1:5432/dash",
        f"host=db-1 password={SECRET} user=dash",
        f"password='{SECRET} with spaces'",
        f'{{"apiKey": "{SECRET}"}}',
        f"{{'token': '{SECRET}'}}",
        f"cookie: {SECRET}",
    ],
)
def test_a_secret_in_the_middle_of_words_is_masked_by_its_shape(text: str) -> None:
    masked = redact(f"before {text} after")
    assert isinstance(masked, str)
    assert SECRET not in masked
    assert MASK in masked
    assert masked.startswith("before ")


def test_what_is_no_secret_stays_as_it_is() -> None:
    plain = {"path": "/v1/me", "ms": 1.5, "ok": True, "none": None, "keys": ["a", 1]}
    assert redact(plain) == plain
    assert redact("the key of the map, host=db-1 port=5432") == (
        "the key of the map, host=db-1 port=5432"
    )


NESTED = st.recursive(
    st.just(SECRET),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=2)
        | st.dictionaries(st.sampled_from(["a", "b"]), inner, min_size=1, max_size=2)
        | st.tuples(inner)
    ),
    max_leaves=5,
)


@given(value=NESTED, key=st.sampled_from(["password", "apiKey", "Set-Cookie"]))
def test_a_secret_is_found_however_deep_it_lies(value: object, key: str) -> None:
    assert SECRET in str({"outer": [value]})
    assert SECRET not in str(redact({"outer": [{"list": ({key: value},)}]}))


def test_a_value_that_holds_itself_ends() -> None:
    loop: dict[str, Any] = {"name": "x"}
    loop["self"] = loop
    assert MASK in str(redact(loop))


def test_bytes_and_strange_objects_are_shown_as_text_without_secrets() -> None:
    class Strange:
        def __str__(self) -> str:
            return f"token={SECRET}"

    assert redact(f"password={SECRET}".encode()) == f"password={MASK}"
    assert redact(Strange()) == f"token={MASK}"


def test_a_line_is_json_with_event_and_the_process_facts(lines: Lines) -> None:
    log.get("x").info("thing.done", count=3, password=SECRET)
    (line,) = lines()
    assert (line["event"], line["count"], line["level"]) == ("thing.done", 3, "info")
    assert (line["pid"], line["version"], line["color"]) == (os.getpid(), "1.2.3", "blue")
    assert line["host"]
    assert line["password"] == MASK
    assert line["timestamp"].endswith("Z")


def test_data_never_stands_in_for_the_process_facts(lines: Lines) -> None:
    log.get("x").info("thing.done", version="9.9.9", pid=0)
    (line,) = lines()
    assert (line["version"], line["pid"]) == ("1.2.3", os.getpid())


def test_a_traceback_shows_no_secret(lines: Lines) -> None:
    def connect() -> None:
        raise ValueError(f"cannot connect to postgresql://dash:{SECRET}@db/dash")

    try:
        connect()
    except ValueError:
        log.get("x").exception("thing.failed")
    (line,) = lines()
    assert "cannot connect to postgresql://dash:***@db/dash" in line["exception"]
    assert "Traceback" in line["exception"]
    assert SECRET not in json.dumps(line)


def test_what_libraries_log_is_json_without_secrets_too(lines: Lines) -> None:
    logging.getLogger("some.library").warning("connecting with password=%s", SECRET)
    (line,) = lines()
    assert line["event"] == f"connecting with password={MASK}"
    assert (line["level"], line["version"]) == ("warning", "1.2.3")


def test_lines_below_the_level_are_not_written(lines: Lines) -> None:
    log.get("x").debug("thing.detail")
    logging.getLogger("some.library").debug("detail")
    assert lines() == []


def test_logs_go_to_standard_error_alone(lines: Lines, capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("info", "1.2.3", "blue")
    log.get("x").info("thing.done")
    captured = capsys.readouterr()
    assert (captured.out, captured.err.count("\n")) == ("", 1)
    assert lines() == []
