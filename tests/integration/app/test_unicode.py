"""No two spellings of an email are two users, and a password is what was typed, to the letter."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.app.browser import EMAIL, Browser, code, sign_up
from tests.integration.service import App, Serving

# What looks like ann@example.org, or becomes it by folding, normalising or dropping.
LOOKALIKES = (
    "\u0430nn@example.org",  # a Cyrillic letter
    "\uff41nn@example.org",  # wide; NFKC makes it an a
    "a\u200bnn@example.org",  # a space without width
    "ann@example.org\u2060",
    "\u00aann@example.org",  # ª; NFKC makes it an a
    "ann@ex\u00e4mple.org",
    "ann@example\u3002org",  # a full stop of another script
    "ann@exam\u00adple.org",  # a soft hyphen
    "\u202eann@example.org",  # turns the line around
    "ANN@EXAMPLE.ORG\u0307",
    "stra\u00dfe@example.org",  # casefold: strasse
    "\u0130nn@example.org",  # lower case: two characters, or one, by language
    "\u017fam@example.org",  # upper case: SAM
    "\u212aann@example.org",  # the sign of Kelvin; lower case: k
    "ann@example.org\n",
    "ann@example.org\u0000",
    "Ann <ann@example.org>",
    "bob@example.org,ann@example.org",
)
PAIRS = (  # keyboards that write the same text differently: one password
    ("caf\u00e9 under seven bridges", "cafe\u0301 under seven bridges"),
    ("\ufb01ne heron under bridges", "fine heron under bridges"),
    ("\uff48eron under the bridges", "heron under the bridges"),
)
OTHERS = (  # texts that only look the same: two passwords
    ("a heron under bridges", "\u0430 heron under bridges"),
    ("a heron under bridges", "a heron\u200b under bridges"),
    ("a heron under bridges", "A heron under bridges"),
    ("stra\u00dfe under the bridges", "strasse under the bridges"),
    ("a heron under bridges", "a heron under bridges "),
    ("a heron under bridges" + "x" * 80 + "1", "a heron under bridges" + "x" * 80 + "2"),
)


@pytest.fixture(name="service")
def _service(app: App) -> Iterator[Serving]:
    with app.serve(sign_up=True, lockout_account=100, lockout_address=1000) as serving:
        yield serving.ready()


def test_an_email_has_one_spelling(app: App, service: Serving) -> None:
    assert sign_up(service).status == 201
    for email in LOOKALIKES:
        assert sign_up(service, email).status == 422, email
        assert Browser(service).sign_in(email).status == 422, email
    for email in ("ANN@example.org", "Ann@Example.ORG"):
        assert code(sign_up(service, email)) == (409, "conflict")
        assert Browser(service).sign_in(email).status == 201
    assert app.database.query("SELECT email FROM users") == [(EMAIL,)]


def test_a_password_is_what_was_typed(app: App, service: Serving) -> None:
    for n, (made, typed) in enumerate(PAIRS):
        assert sign_up(service, f"same{n}@example.org", made).status == 201
        for password in (made, typed):
            assert Browser(service).sign_in(f"same{n}@example.org", password).status == 201
    app.database.query("DELETE FROM sign_in_failures")
    for n, (made, typed) in enumerate(OTHERS):
        assert sign_up(service, f"other{n}@example.org", made).status == 201
        assert Browser(service).sign_in(f"other{n}@example.org", typed).status == 401, made
        assert Browser(service).sign_in(f"other{n}@example.org", made).status == 201


@pytest.mark.parametrize("email", LOOKALIKES)
def test_the_command_line_takes_no_other_spelling(app: App, email: str) -> None:
    if "\0" in email:
        pytest.skip("no argument of a process holds this character")
    done = app.run("user", "create", "--email", email)
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert app.database.query("SELECT count(*) FROM users") == [(0,)]
