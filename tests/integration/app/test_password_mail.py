"""A link for a new password comes by mail; the answer says nothing of who there is."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.integration.app.browser import EMAIL, Browser, audited, code, sign_up
from tests.integration.app.smtp import Post
from tests.integration.service import App, Serving, free_port, until

NEW = "nine quiet lanterns at sea"
ASK, CONFIRM, SIGN_UP = "/v1/password-resets", "/v1/password-resets/confirm", "/v1/sign-ups"


@pytest.fixture(name="post")
def _post() -> Iterator[Post]:
    with Post() as post:
        yield post


@pytest.fixture(name="service")
def _service(app: App, post: Post) -> Iterator[Serving]:
    more = {"public_url": "https://dash.example.org", "sign_up": True}
    with app.serve(**post.settings, **more) as serving:
        app.run("user", "create", "--email", EMAIL)
        yield serving.ready()


def test_a_mailed_link_sets_a_password_and_unknown_users_get_the_same_answer(
    app: App, service: Serving, post: Post
) -> None:
    browser = Browser(service)
    answers = [browser.send("POST", ASK, {"email": e}) for e in ("no@example.org", EMAIL)]
    assert [x.status for x in answers] == [202, 202]
    assert answers[0].body == answers[1].body
    assert sorted(answers[0].headers) == sorted(answers[1].headers)
    until(lambda: post.mails)
    (mail,) = post.mails
    assert mail["To"] == EMAIL
    found = re.search(r"https://dash\.example\.org/reset#([\w-]{43})\s", mail.get_content())
    assert found
    done = browser.send("POST", CONFIRM, {"token": found[1], "password": NEW})
    assert done.status == 204
    assert browser.sign_in(password=NEW).status == 201
    assert ("password_link", "ok") in audited(app)
    assert found[1] not in "\n".join(service.lines)


def test_nobody_is_flooded_with_mail(service: Serving, post: Post) -> None:
    answers = [Browser(service).send("POST", ASK, {"email": EMAIL}) for _ in range(6)]
    assert [x.status for x in answers] == [202] * 5 + [429]
    assert code(answers[-1])[1] == "too_many_attempts"
    until(lambda: len(post.mails) == 5)


def test_a_mail_server_that_is_gone_changes_no_answer(app: App) -> None:
    gone = {"smtp_host": "127.0.0.1", "smtp_port": free_port(), "smtp_security": "none"}
    with app.serve(**gone) as service:
        app.run("user", "create", "--email", EMAIL)
        service.ready()
        assert Browser(service).send("POST", ASK, {"email": EMAIL}).status == 202
        until(lambda: service.events("reset.not_sent"))
        assert Browser(service).send("POST", ASK, {"email": EMAIL}).status == 202
        until(lambda: len(service.events("reset.not_sent")) == 2)  # the worker goes on


def test_without_a_mail_server_the_answer_is_the_same_and_no_link_is_made(app: App) -> None:
    with app.serve(sign_up=True) as service:
        sign_up(service.ready())
        assert Browser(service).send("POST", ASK, {"email": EMAIL}).status == 202
    assert app.database.query("SELECT count(*) FROM password_resets") == [(0,)]


def linked(post: Post) -> str:
    """Return the token in the newest mail."""
    found = re.search(r"/reset#([\w-]{43})\s", post.mails[-1].get_content())
    assert found
    return found[1]


def test_signing_up_by_mail_says_nothing_of_who_there_is(
    app: App, service: Serving, post: Post
) -> None:
    new = "bea@example.org"
    browser = Browser(service)
    answers = [browser.send("POST", SIGN_UP, {"email": e}) for e in (EMAIL, new)]
    assert [x.status for x in answers] == [202, 202]
    assert answers[0].body == answers[1].body
    assert sorted(answers[0].headers) == sorted(answers[1].headers)
    until(lambda: len(post.mails) == 2)
    assert [x["To"] for x in post.mails] == [EMAIL, new]
    assert "you have one already" in post.mails[0].get_content()
    assert "you have one already" not in post.mails[1].get_content()
    assert browser.sign_in(new).status == 401  # no password yet: an address is no proof
    done = browser.send("POST", CONFIRM, {"token": linked(post), "password": NEW})
    assert done.status == 204
    assert browser.sign_in(new, NEW).status == 201
    assert audited(app).count(("sign_up", "ok")) == 1


def test_where_mail_is_sent_nobody_signs_up_with_a_password(
    app: App, service: Serving, post: Post
) -> None:
    for email in (EMAIL, "bea@example.org"):
        assert code(sign_up(service, email)) == (403, "sign_up_by_mail")
    assert post.mails == []
    assert app.database.query("SELECT count(*) FROM users") == [(1,)]


def test_signing_up_by_mail_can_be_off_and_needs_a_mail_server(app: App, post: Post) -> None:
    with app.serve(**post.settings) as service:
        answer = Browser(service.ready()).send("POST", SIGN_UP, {"email": EMAIL})
        assert code(answer) == (403, "sign_up_closed")
    with app.serve(sign_up=True) as service:
        answer = Browser(service.ready()).send("POST", SIGN_UP, {"email": EMAIL})
        assert code(answer) == (403, "sign_up_without_mail")
    assert post.mails == []
    assert app.database.query("SELECT count(*) FROM users") == [(0,)]
