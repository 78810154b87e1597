"""Read the files of a folder: name → text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

DOCUMENTATION = """
name: sources
short_description: Files of a folder on the controller
description:
  - Returns one dictionary, file name to text.
options:
  _terms:
    description: Folders.
    required: true
  pattern:
    description: Which files, as a shell has it.
    default: "*.py"
"""


class LookupModule(LookupBase):
    """One dictionary a folder."""

    def run(self, terms: list[str], variables: Any = None, **kwargs: Any) -> list[dict[str, str]]:
        """Return the files of each folder."""
        self.set_options(var_options=variables, direct=kwargs)
        pattern = str(self.get_option("pattern"))
        found = []
        for term in terms:
            folder = Path(term)
            if not folder.is_dir():
                msg = f"{term} is no folder"
                raise AnsibleLookupError(msg)
            found.append(
                {p.name: p.read_text(encoding="utf-8") for p in sorted(folder.glob(pattern))}
            )
        return found
