"""The rules by which Prometheus judges, and what it makes of bad ones."""
