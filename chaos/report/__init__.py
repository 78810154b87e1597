"""`python -m chaos report`: what the runs say, on the terminal, as a page and as a document."""

from __future__ import annotations


def main(argv: list[str]) -> int:
    """Do what the command line says. Returns the exit code."""
    from chaos.report import cli  # noqa: PLC0415 -- what it needs takes a while to load

    return cli.main(argv)
