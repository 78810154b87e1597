"""Have a certificate that ends soon, read by the program that reads the others."""

from __future__ import annotations

from chaos import levers, running

__all__ = ["bring", "take_away"]

FILE = "/etc/dash/chaos-certificate.pem"
FIGURES = "/var/lib/dash/metrics/dash_chaos_certificates.prom"
READER = "/usr/local/lib/dash-exporter/certificates.py"
UNIT = "/etc/systemd/system/dash-certificates.service"


def bring(host: str, days: int) -> None:
    """Put a certificate on a host that ends in some days, and have it read."""
    host = running.current().host(host)
    levers.do(
        take_away, {"host": host}, what=f"a certificate on {host} that ends in {days} days",
        host=host, mend=_take_away(),
        script=f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days {days} "
        f"-subj /CN=chaos -keyout /dev/null -out {FILE} 2>/dev/null\n"
        f"python3 {READER} {FIGURES} {UNIT} {FILE}",
    )  # fmt: skip


def take_away(host: str) -> None:
    """Take the certificate and what is told of it away."""
    levers.undo_on(host, take_away, _take_away())


def _take_away() -> str:
    return f"rm -f {FILE} {FIGURES}"
