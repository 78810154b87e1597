"""What pages say in words, and where they lead."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from app.web import words


@pytest.mark.parametrize("path", ["/", "/keys", "/keys/abcdefghijkl", "/audit", "/a_b/c-d"])
def test_own_paths_are_gone_to(path: str) -> None:
    assert words.own_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "", "//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)",
        "/keys//x", "/keys?x=1", "/keys#x", "/%2f%2fevil", "\t//evil", "/\n/evil", "keys",
        "/keys/", "/" + "a" * 200, "/../x", "/keys\r\nSet-Cookie: a=b",
    ],
)  # fmt: skip
def test_nothing_else_is_gone_to(path: str) -> None:
    assert words.own_path(path) == "/"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "1 second"), (1, "1 second"), (5, "5 seconds"), (119, "119 seconds"),
        (120, "2 minutes"), (121, "3 minutes"), (7199, "120 minutes"), (7200, "2 hours"),
        (200_000, "3 days"),
    ],
)  # fmt: skip
def test_a_wait_is_said_in_words_and_never_too_short(seconds: int, said: str) -> None:
    assert words.wait(seconds) == said


def test_times_are_said_by_one_clock() -> None:
    east = timezone(timedelta(hours=9))
    assert words.when(datetime(2026, 3, 2, 5, 7, tzinfo=east)) == "1 Mar 2026, 20:07 UTC"
    assert words.when(None) == "never"


def test_what_is_over_is_over() -> None:
    now = datetime(2026, 3, 2, tzinfo=UTC)
    assert words.over(now, now)
    assert not words.over(now + timedelta(seconds=1), now)
    assert not words.over(None, now)


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
         "Firefox on Linux"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1",
         "Safari on iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140 Safari/537.36 Edg/140", "Edge on Windows"),
        ("curl/8.5.0", "curl"),
        ("", "Unknown browser"),
        ("<script>", "Unknown browser"),
    ],
)  # fmt: skip
def test_a_browser_is_named(agent: str, said: str) -> None:
    assert words.browser(agent) == said
