"""Dashboards in Python: one page each, printed by `python -m monitoring dashboards`."""
