"""Tell Prometheus when certificates end: certificates.py OUT UNIT PATTERN... Standard library only.

A file tells the end of the first of its certificates to end. What cannot be read is left out and
makes this end with an error, after the others were told. What is not there is waited for while the
file UNIT, which names the patterns, is young: on a new host other roles have yet to bring it.
"""

from __future__ import annotations

import glob
import json
import re
import ssl
import subprocess
import sys
import time
from pathlib import Path

NAME = "dash_certificate_expires_timestamp_seconds"
BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
SECONDS = 10  # that one certificate may take
YOUNG = 30 * 60  # seconds; a first `./dash up` with every download is over by then


class UnreadableError(Exception):
    """A file that holds no certificate that can be read."""


def end(pem: str) -> int:
    """Return when a certificate ends; OpenSSL reads it, which the standard library cannot."""
    words = ["/usr/bin/openssl", "x509", "-noout", "-enddate"]
    done = subprocess.run(
        words, input=pem, capture_output=True, text=True, check=False, timeout=SECONDS
    )
    if done.returncode:
        message = "no certificate that OpenSSL reads"
        raise UnreadableError(message)
    return ssl.cert_time_to_seconds(done.stdout.strip().removeprefix("notAfter="))


def earliest(path: Path) -> int:
    """Return when the first of a file's certificates ends; a key beside them is passed over."""
    found = BLOCK.findall(path.read_text("utf-8"))
    if not found:
        message = "no certificate in it"
        raise UnreadableError(message)
    return min(map(end, found))


def files(pattern: str) -> list[str]:
    """Return the files of a pattern; one that fits nothing stands for itself, to be missed."""
    return sorted(glob.glob(pattern)) or [pattern]  # noqa: PTH207 -- of pathlib's a pattern is relative


def main(argv: list[str]) -> int:
    """Write what could be read, and name what could not."""
    out, lines, failed = Path(argv[0]), [f"# TYPE {NAME} gauge"], False
    young = time.time() - Path(argv[1]).stat().st_mtime < YOUNG
    for path in sorted({path for pattern in argv[2:] for path in files(pattern)}):
        try:
            lines.append(
                f"{NAME}{{path={json.dumps(path, ensure_ascii=False)}}} {earliest(Path(path))}"
            )
        except (OSError, ValueError, UnreadableError, subprocess.TimeoutExpired) as error:
            waits = young and isinstance(error, FileNotFoundError)
            why = "not there yet" if waits else getattr(error, "strerror", None) or error
            sys.stderr.write(f"{path}: {why}\n")
            failed |= not waits
    new = out.with_suffix(".new")
    new.write_text("\n".join(lines) + "\n", encoding="utf-8")
    new.replace(out)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
