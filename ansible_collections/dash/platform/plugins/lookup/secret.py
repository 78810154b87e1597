"""Look up a secret of the stack, wherever its provider keeps it."""

from __future__ import annotations

import string
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.loader import lookup_loader
from ansible.plugins.lookup import LookupBase
from ansible.utils.encrypt import random_password

from ansible_collections.dash.platform.plugins.module_utils.errors import Fault
from ansible_collections.dash.platform.plugins.plugin_utils import secrets

DOCUMENTATION = """
name: secret
short_description: A secret of the stack
description:
  - On podman secrets are files of the operator, C(secrets/) in O(directory), made by
    P(ansible.builtin.password#lookup).
  - On AWS they are SecureString parameters of SSM below O(path).
  - One that is missing is made, of letters and digits, unless O(make) says no.
  - A term that ends with C(*) gives a dictionary of all that are there, name to text to the byte;
    none is made. Any other gives the text without the space at its end.
options:
  _terms:
    description: Names, or the beginning of names and C(*).
    required: true
  length:
    description: Characters of one that is made.
    type: int
    default: 40
  make:
    description: Whether one that is missing is made; otherwise it is empty.
    type: bool
    default: true
  file:
    description:
      - Give the path of a file, for the operator alone, that holds the secret, for programs of the
        controller. On AWS that is a copy; there is none where there is no secret.
    type: bool
    default: false
  provider:
    description: podman or aws.
    type: str
    default: podman
    vars: [{name: dash_provider}]
  directory:
    description: Where the stack's state lies on the controller.
    type: str
    required: true
    vars: [{name: dash_state_dir}]
  path:
    description: What the names of the parameters begin with.
    type: str
    default: ""
    vars: [{name: dash_secrets_path}]
  region:
    description: The stack's region.
    type: str
    default: ""
    vars: [{name: dash_region}]
  key:
    description: The KMS key of new parameters, by its alias; the account's own where it is empty.
    type: str
    default: ""
    vars: [{name: dash_secrets_key}]
"""
CHARACTERS = ("ascii_letters", "digits")


class LookupModule(LookupBase):
    """One text, path or dictionary a term."""

    def run(self, terms: list[str], variables: Any = None, **kwargs: Any) -> list[Any]:
        """Return what is looked for. Raises AnsibleLookupError."""
        self.set_options(var_options=variables, direct=kwargs)
        try:
            return [self._found(str(term), variables) for term in terms]
        except Fault as fault:
            raise AnsibleLookupError(str(fault)) from None

    def _found(self, term: str, variables: Any) -> Any:
        told = (self.get_option(o) for o in ("provider", "directory", "path", "region", "key"))
        where = secrets.of_stack(*told)
        if term.endswith("*"):
            beginning = secrets.checked(term[:-1])
            names = [n for n in where.names() if n.startswith(beginning)]
            return {name: where.read(name) or "" for name in names}
        name = secrets.checked(term)
        text = self._made(where, name, variables) if self.get_option("make") else where.read(name)
        if not self.get_option("file"):
            return (text or "").rstrip()
        return self._file(where, name, text)

    def _made(self, where: secrets.Source, name: str, variables: Any) -> str:
        """Return a secret, which is there now."""
        length = int(self.get_option("length"))
        if isinstance(where, secrets.Files):  # it has the lock for two who make one at once
            maker = lookup_loader.get(
                "ansible.builtin.password", loader=self._loader, templar=self._templar
            )
            file = str(where.directory / name)
            return str(maker.run([file], variables, length=length, chars=list(CHARACTERS))[0])
        letters = "".join(getattr(string, group) for group in CHARACTERS)
        found = where.read(name)
        return where.offer(name, random_password(length, letters)) if found is None else found

    def _file(self, where: secrets.Source, name: str, text: str | None) -> str:
        """Return the path of the file; on AWS it holds what SSM holds now, or is gone."""
        here = secrets.copies(self.get_option("directory"))
        if not isinstance(where, secrets.Files):
            if text is None:
                (here.directory / name).unlink(missing_ok=True)
            elif here.read(name) != text + "\n":
                here.write(name, text + "\n")
        return str(here.directory / name)
