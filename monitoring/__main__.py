"""`python -m monitoring` writes what follows from slos.yml and the rules."""

from __future__ import annotations

from monitoring import reference

if __name__ == "__main__":
    reference.write()
