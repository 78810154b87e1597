"""Whole hosts, as containers of this machine: what no script on the host could undo."""
