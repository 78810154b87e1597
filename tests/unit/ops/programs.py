"""Programs that roles copy to hosts, as modules: they lie in no package."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

ROLES = Path(__file__).resolve().parents[3] / "roles"


def load(path: str) -> ModuleType:
    """Return the module of a file below roles/."""
    spec = importlib.util.spec_from_file_location(f"roles.{Path(path).stem}", ROLES / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up
    spec.loader.exec_module(module)
    return module
