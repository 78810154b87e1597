"""Files that all operators of a stack have: whoever comes second gets what the first one made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto import mock_aws

from ansible_collections.dash.platform.plugins.module_utils.errors import Fault
from ansible_collections.dash.platform.plugins.plugin_utils import copies
from ansible_collections.dash.platform.plugins.plugin_utils.copies import Followed
from ansible_collections.dash.platform.plugins.plugin_utils.secrets import Parameters, Source

KEPT = json.dumps({"ca.key": "k\n", "ca.pem": "c\n"})


@pytest.fixture(name="where")
def _where(monkeypatch: pytest.MonkeyPatch) -> Iterator[Source]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        yield Parameters("/dash/staging/", "eu-west-1")


@pytest.fixture(name="pair")
def _pair(tmp_path: Path) -> list[Path]:
    return [tmp_path / "pki/ca.key", tmp_path / "ca.pem"]


def put(pair: list[Path], *texts: str) -> None:
    for path, text in zip(pair, texts, strict=False):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


class Silent(Parameters):
    """An SSM that does not answer."""

    def read(self, name: str) -> str | None:
        raise Fault(f"SSM does not give {name}")


def test_a_key_that_is_kept_comes_here_without_the_public_half_of_another(
    where: Source, tmp_path: Path
) -> None:
    where.write("ssh_key", "key\n")
    put([tmp_path / "ssh/id_ed25519.pub"], "other")

    assert copies.login(where, tmp_path)

    assert (tmp_path / "ssh/id_ed25519").read_text() == "key\n"
    assert (tmp_path / "ssh/id_ed25519").stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / "ssh/id_ed25519.pub").exists()


def test_without_a_maker_nothing_is_made_or_kept(where: Source, tmp_path: Path) -> None:
    assert not copies.login(where, tmp_path)
    put([tmp_path / "ssh/id_ed25519"], "mine")

    assert not copies.login(where, tmp_path)
    assert where.names() == []


def test_what_is_here_is_kept_before_a_new_one_is_made(where: Source, tmp_path: Path) -> None:
    put([tmp_path / "ssh/id_ed25519"], "mine\n")

    assert copies.login(where, tmp_path, lambda: "new\n")
    assert where.read("ssh_key") == "mine\n"


def test_of_two_who_make_a_key_at_once_both_have_one(where: Source, tmp_path: Path) -> None:
    def late() -> str:
        where.write("ssh_key", "theirs\n")
        return "mine\n"

    assert copies.login(where, tmp_path, late)
    assert (tmp_path / "ssh/id_ed25519").read_text() == where.read("ssh_key") == "theirs\n"


def test_another_key_is_named_in_one_line_and_stays(where: Source, tmp_path: Path) -> None:
    where.write("ssh_key", "theirs\n")
    put([tmp_path / "ssh/id_ed25519"], "mine\n")

    with pytest.raises(Fault, match=r"is not the stack's ssh key.* Next: mv") as caught:
        copies.login(where, tmp_path)

    assert "\n" not in str(caught.value)
    assert (tmp_path / "ssh/id_ed25519").read_text() == "mine\n"


def test_a_key_that_is_here_is_enough_while_nobody_answers(tmp_path: Path) -> None:
    with pytest.raises(Fault, match="does not give"):
        copies.login(Silent("/dash/staging/"), tmp_path)
    put([tmp_path / "ssh/id_ed25519"], "mine\n")

    assert copies.login(Silent("/dash/staging/"), tmp_path)
    with pytest.raises(Fault, match="does not give"):
        copies.login(Silent("/dash/staging/"), tmp_path, lambda: "new")


def test_what_programs_read_as_files_comes_and_the_authority_follows(
    where: Source, tmp_path: Path
) -> None:
    """The authority's key is not among it: only who configures needs it."""
    where.write("authority", KEPT)
    where.write("prometheus_password", "p")

    copies.read_here(where, tmp_path)
    where.write("prometheus_password", "other")
    where.write("authority", KEPT.replace("c\\n", "d\\n"))
    copies.read_here(where, tmp_path)

    assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()) == [
        "ca.pem", "secrets/prometheus_password",
    ]  # fmt: skip
    assert (tmp_path / "ca.pem").read_text() == "d\n"
    assert (tmp_path / "ca.pem").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "secrets/prometheus_password").read_text() == "p\n"
    assert (tmp_path / "secrets/prometheus_password").stat().st_mode & 0o777 == 0o600


def test_files_that_nobody_keeps_are_kept(where: Source, pair: list[Path]) -> None:
    put(pair, "k\n", "c\n")

    assert copies.follow(where, "authority", pair) == Followed(changed=True, found=False)
    assert copies.follow(where, "authority", pair) == Followed(changed=False, found=True)
    assert json.loads(where.read("authority") or "") == json.loads(KEPT)


@pytest.mark.parametrize("here", [(), ("k\n",), ("old", "old")])
def test_files_follow_what_is_kept(where: Source, pair: list[Path], here: tuple[str, ...]) -> None:
    where.write("authority", KEPT)
    put(pair, *here)

    assert copies.follow(where, "authority", pair) == Followed(changed=True, found=True)
    assert [path.read_text() for path in pair] == ["k\n", "c\n"]
    assert [path.stat().st_mode & 0o777 for path in pair] == [0o600, 0o644]


def test_newer_files_are_kept_in_place_of_what_was(where: Source, pair: list[Path]) -> None:
    where.write("authority", KEPT)
    put(pair, "k2\n", "c2\n")

    assert copies.follow(where, "authority", pair, replace=True).changed
    assert json.loads(where.read("authority") or "") == {"ca.key": "k2\n", "ca.pem": "c2\n"}
    assert pair[0].read_text() == "k2\n"


def test_of_two_first_ones_at_once_one_counts(
    where: Source, pair: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(pair, "mine", "mine")
    offer = Parameters.offer

    def late(self: Parameters, name: str, value: str) -> str:
        self.write(name, KEPT)
        return offer(self, name, value)

    monkeypatch.setattr(Parameters, "offer", late)

    assert copies.follow(where, "authority", pair).changed
    assert [path.read_text() for path in pair] == ["k\n", "c\n"]


@pytest.mark.parametrize("replace", [False, True])
def test_a_look_changes_nothing(where: Source, pair: list[Path], replace: bool) -> None:
    put(pair, "k\n", "c\n")
    assert copies.follow(where, "authority", pair, replace=replace, look=True).changed
    assert where.names() == []

    where.write("authority", KEPT.replace("c\\n", "d\\n"))
    assert copies.follow(where, "authority", pair, replace=replace, look=True).changed
    assert pair[1].read_text() == "c\n"


def test_nothing_anywhere_is_no_difference(where: Source, pair: list[Path]) -> None:
    put(pair, "k\n")  # one without the other is nothing

    assert copies.follow(where, "authority", pair) == Followed(changed=False, found=False)
    assert where.names() == []


@pytest.mark.parametrize("text", ["", "no", "[]", '{"ca.key": "k"}'])
def test_what_holds_something_else_is_named(where: Source, pair: list[Path], text: str) -> None:
    where.write("authority", text or " ")

    with pytest.raises(Fault, match=r"authority does not hold ca\.key and ca\.pem\. Next:"):
        copies.follow(where, "authority", pair)
