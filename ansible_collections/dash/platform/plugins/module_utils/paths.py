"""Where things lie on a host (docs/architecture.md). Read when used, never copied."""

from __future__ import annotations

from pathlib import Path

STATE = Path("/var/lib/dash")
FENCE = STATE / "fence"
EDGE_STATE = STATE / "edge"

MAP = Path("/etc/haproxy/maps/active.map")
CERTIFICATE = Path("/etc/haproxy/certs/edge.pem")
HAPROXY_SOCKET = Path("/run/haproxy/admin.sock")
POSTGRES_SOCKET = "/var/run/postgresql"

OPT = Path("/opt/dash")
ETC = Path("/etc/dash")

LIBRARY = Path("/usr/local/lib/dash")
