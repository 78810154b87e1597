"""Read the Python files of a folder: name → text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

DOCUMENTATION = """
name: sources
short_description: Python files of a folder on the controller
description:
  - Returns one dictionary, file name to text.
options:
  _terms:
    description: Folders.
    required: true
"""


class LookupModule(LookupBase):
    """One dictionary a folder."""

    def run(self, terms: list[str], variables: Any = None, **kwargs: Any) -> list[dict[str, str]]:  # noqa: ARG002 -- Ansible's signature
        """Return the files of each folder."""
        found = []
        for term in terms:
            folder = Path(term)
            if not folder.is_dir():
                msg = f"{term} is no folder"
                raise AnsibleLookupError(msg)
            found.append(
                {p.name: p.read_text(encoding="utf-8") for p in sorted(folder.glob("*.py"))}
            )
        return found
