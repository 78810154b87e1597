"""The catalog's file: what is wrong in it is named by file and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.llm.catalog import read
from app.settings import Settings, SettingsError

GOOD = """
[providers.p]
kind = "openai"
base_url = "https://api.example.org/v1"

[models."a/b-1"]
aliases = ["x"]
deployments = [{ provider = "p", model = "m" }]

[models.c]
deployments = [{ provider = "p", model = "n" }]
fallback = { unavailable = ["a/b-1"] }
"""


def refusal(tmp_path: Path, text: str) -> str:
    """Return what is said of a file that cannot be, without the file's name."""
    file = tmp_path / "llm.toml"
    file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        read(str(file))
    return str(caught.value).removeprefix(f"{file}: ")


def test_the_documents_example_is_one(tmp_path: Path) -> None:
    page = (Path(__file__).parents[4] / "docs/reference/llm.md").read_text("utf-8")
    file = tmp_path / "llm.toml"
    file.write_text(page.partition("```toml\n")[2].partition("```")[0])
    assert set(read(str(file)).models) == {"small", "large"}


def test_a_catalog_names_models_aliases_and_deployments(tmp_path: Path) -> None:
    file = tmp_path / "llm.toml"
    file.write_text(GOOD)
    found = read(str(file))
    assert found.names() == {"a/b-1": "a/b-1", "c": "c", "x": "a/b-1"}
    assert sorted(found.deployments()) == ["p/m", "p/n"]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("kind =", "knd =", "providers.p.kind: field required"),
        ('kind = "openai"', 'kind = "openai"\nspeed = 1',
         "providers.p.speed: there is no such key"),
        ('"openai"', '"other"', "providers.p.kind: there is no kind other, only anthropic, kimi"),
        ("https://api", "ftp://api", "providers.p.base_url: string should match"),
        ("https://api", "https://user@api", "providers.p.base_url: string should match"),
        ('"p", model = "m"', '"q", model = "m"',
         "models.a/b-1.deployments.0.provider: there is no provider q"),
        ('"a/b-1"] }', '"zz"] }', "models.c.fallback.unavailable.0: there is no other model zz"),
        ('"a/b-1"] }', '"c"] }', "models.c.fallback.unavailable.0: there is no other model c"),
        ('["x"]', '["c"]', "models.a/b-1.aliases.0: c names something already"),
        ("unavailable", "policy", "models.c.fallback.policy: there is no such key"),
        ('model = "m" }', 'model = "m", price = { input = 1, output = 1 } }',
         "models.a/b-1.deployments.0.price.date: field required"),
        ("[models.c]", "[models.c", "it is not TOML: "),
        ('deployments = [{ provider = "p", model = "n" }]', "deployments = []",
         "models.c.deployments: tuple should have at least 1 item"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_named_with_its_key(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    assert refusal(tmp_path, GOOD.replace(old, new, 1)).startswith(told)


def test_a_catalog_may_be_given_as_it_is() -> None:
    assert read(GOOD).names() == {"a/b-1": "a/b-1", "c": "c", "x": "a/b-1"}
    with pytest.raises(SettingsError, match=r"^DASH_APP_LLM_CATALOG: providers\.p\.kind: field"):
        read(GOOD.replace("kind =", "knd ="))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nope\.toml: it cannot be read: No such file"):
        read(str(tmp_path / "nope.toml"))


def test_a_credential_that_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with pytest.raises(SettingsError, match="the credential llm_x is missing: put it into"):
        Settings().credential("llm_x")
    (tmp_path / "llm_x").write_text("  secret\n")
    assert Settings().credential("llm_x") == "secret"
