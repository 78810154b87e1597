"""Every template of every role, with the role's real defaults."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.errors import AnsibleUndefinedVariable

from tests.roles.rendering import ROLES, evaluate, render

TEMPLATES = sorted(p.relative_to(ROLES) for p in ROLES.glob("*/templates/**/*.j2"))


@pytest.mark.parametrize("path", TEMPLATES, ids=str)
def test_it_renders_with_nothing_undefined(path: Path) -> None:
    role, _, template = str(path).split("/", 2)

    text = render(role, template)

    assert text.strip()
    assert not set(text) & {"\r", "\t"}
    assert "{{" not in text
    assert "{%" not in text.replace("%{+json}", "")


def test_what_nobody_sets_is_an_error() -> None:
    with pytest.raises(AnsibleUndefinedVariable, match="nobody"):
        evaluate("{{ nobody }}", {})
