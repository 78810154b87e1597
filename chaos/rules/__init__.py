"""Files of rules that an experiment puts beside the real ones of Prometheus.

`./dash configure` removes them as well: nobody declared them.
"""

from __future__ import annotations

DIRECTORY = "/etc/prometheus/rules.d"
RELOAD = "systemctl reload prometheus"


def put(file: str, text: str, *, readable: bool = True) -> str:
    """Return the script that has Prometheus load a file of rules.

    Args:
        file: where, on its host.
        text: of the file.
        readable: whether it is refused when nobody can read it.
    """
    check = f"promtool check rules {file} > /dev/null\n" if readable else ""
    return f"cat > {file} <<'END-OF-RULES'\n{text}END-OF-RULES\n{check}{RELOAD}"


def take(file: str) -> str:
    """Return the script that takes it away; one that is gone is fine."""
    return f"if [ -e {file} ]; then rm {file}; {RELOAD}; fi"
