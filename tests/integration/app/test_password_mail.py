"""A link for a new password comes by mail; the answer says nothing of who there is."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.integration.app.browser import EMAIL, Browser, audited, code, sign_up
from tests.integration.app.smtp import Post
from tests.integration.service import App, Serving, free_port, until

NEW = "nine quiet lanterns at sea"
ASK, CONFIRM = "/v1/password-resets", "/v1/password-resets/confirm"


@pytest.fixture(name="post")
def _post() -> Iterator[Post]:
    with Post() as post:
        yield post


@pytest.fixture(name="service")
def _service(app: App, post: Post) -> Iterator[Serving]:
    more = {"public_url": "https://dash.example.org", "sign_up": True}
    with app.serve(**post.settings, **more) as serving:
        yield serving.ready()


def test_a_mailed_link_sets_a_password_and_unknown_users_get_the_same_answer(
    app: App, service: Serving, post: Post
) -> None:
    sign_up(service)
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
    sign_up(service)
    answers = [Browser(service).send("POST", ASK, {"email": EMAIL}) for _ in range(6)]
    assert [x.status for x in answers] == [202] * 5 + [429]
    assert code(answers[-1])[1] == "too_many_attempts"
    until(lambda: len(post.mails) == 5)


def test_a_mail_server_that_is_gone_changes_no_answer(app: App) -> None:
    gone = {"smtp_host": "127.0.0.1", "smtp_port": free_port(), "smtp_security": "none"}
    with app.serve(sign_up=True, **gone) as service:
        sign_up(service.ready())
        assert Browser(service).send("POST", ASK, {"email": EMAIL}).status == 202
        until(lambda: service.events("reset.not_sent"))
        assert Browser(service).send("POST", ASK, {"email": EMAIL}).status == 202
        until(lambda: len(service.events("reset.not_sent")) == 2)  # the worker goes on


def test_without_a_mail_server_the_answer_is_the_same_and_no_link_is_made(app: App) -> None:
    with app.serve(sign_up=True) as service:
        sign_up(service.ready())
        assert Browser(service).send("POST", ASK, {"email": EMAIL}).status == 202
    assert app.database.query("SELECT count(*) FROM password_resets") == [(0,)]
