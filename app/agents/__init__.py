"""Agents on WebSockets: docs/reference/agents.md is the protocol."""
