"""Unknown or impossible DASH_* variables are errors that name the nearest known one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ops.console import UsageError
from ops.variables import check, stack_name

if TYPE_CHECKING:
    from pathlib import Path


def test_known_variables_and_other_peoples_are_accepted(tmp_path: Path) -> None:
    check(
        {
            "DASH_STACK": "staging",
            "DASH_LAB": "e2e-7",
            "DASH_MIRROR": str(tmp_path),
            "DASH_TEST_ANYTHING": "1",
            "DASH_APP_PORT": "8000",
            "HOME": "/",
            "MY_DASH_X": "1",
        }
    )


def test_empty_values_count_as_unset() -> None:
    check({"DASH_STACK": "", "DASH_LAB": "", "DASH_MIRROR": ""})


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("DASH_STAK", "lab", "unknown variable DASH_STAK: did you mean DASH_STACK?"),
        ("DASH_MIRRORS", "/", "did you mean DASH_MIRROR?"),
        ("DASH_ZZZZZZZZZ", "", "known are DASH_STACK, DASH_LAB, DASH_MIRROR, DASH_CHAOS_WHY"),
        ("DASH_APPS_PORT", "1", "unknown variable DASH_APPS_PORT"),
        ("DASH_STACK", "stagin", "DASH_STACK: there is no stack 'stagin': did you mean staging?"),
        ("DASH_LAB", "Two Labs", "DASH_LAB='Two Labs' cannot be a lab's name"),
        ("DASH_LAB", "../x", "cannot be a lab's name"),
        ("DASH_LAB", "a" * 17, "up to 16"),
        ("DASH_MIRROR", "/no/such", "DASH_MIRROR='/no/such' is no directory"),
    ],
)
def test_a_bad_variable_is_one_line_with_what_to_type(name: str, value: str, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        check({name: value})

    assert said in raised.value.line
    assert "\n" not in raised.value.line


def test_an_unknown_stack_far_from_all_names_lists_them() -> None:
    with pytest.raises(UsageError, match="known are lab, staging, production"):
        stack_name("moon")
