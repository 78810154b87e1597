"""What the ledger says about releases: which served, which are quarantined, which must be kept.

A ledger here is a list of entries (docs/architecture.md), edges and database merged, oldest first.
"""

from __future__ import annotations

from datetime import datetime

from ansible_collections.dash.platform.plugins.module_utils.standing import Entry, Release

KINDS = ("deploy", "rollback", "switch")  # what brings a release into service


def at(entry: Entry) -> float:
    """Return when an entry was written, in seconds since the epoch."""
    return datetime.fromisoformat(entry["at"]).timestamp()


def served(ledger: list[Entry]) -> list[Entry]:
    """Return the entries whose release went into service and stayed."""
    return [e for e in ledger if e["outcome"] == "done" and e["kind"] in KINDS]


def last_on(ledger: list[Entry], color: str) -> Release | None:
    """Return the release that went into service on a colour last, or None."""
    found = [e for e in served(ledger) if e["color"] == color]
    return Release.of(found[-1]) if found else None


def quarantined(ledger: list[Entry]) -> set[str]:
    """Return the digests under quarantine: rolled back, and not forced into service since."""
    out: set[str] = set()
    for entry in ledger:
        if entry["outcome"] == "done" and entry["kind"] in KINDS:
            out.discard(entry["digest"])
        out.update(entry.get("quarantine") or [])
    return out


def left_behind(ledger: list[Entry]) -> set[tuple[str, str]]:
    """Return (digest, configuration hash) of what was rolled back and not deployed since.

    A rollback of the configuration alone quarantines no digest; without this a second rollback
    would return to the configuration that the first one fled from.
    """
    out: set[tuple[str, str]] = set()
    for entry in served(ledger):
        out.discard((entry["digest"], entry["config_hash"]))
        if entry["kind"] == "rollback" and entry.get("previous"):
            out.add((entry["previous"]["digest"], entry["previous"]["config_hash"]))
    return out


def keep(ledger: list[Entry], now: float, window_hours: float) -> list[str]:
    """Return the versions that hosts must keep: all that served, or were left, in the window.

    Args:
        ledger: all entries.
        now: seconds since the epoch.
        window_hours: length of the rollback window.
    """
    since = now - window_hours * 3600
    past = served(ledger)
    recent = [e for e in past if at(e) >= since]
    left = [e["previous"]["version"] for e in recent if e.get("previous")]
    return sorted({*left, *(e["version"] for e in [*recent, *past[-3:]])})


def known_digests(ledger: list[Entry]) -> dict[str, str]:
    """Return the digest of each version that the ledger knows."""
    return {e["version"]: e["digest"] for e in ledger if e.get("version")}


def ends_of_windows(
    ledger: list[Entry], steps: set[str], now: float, window_hours: float
) -> dict[str, float]:
    """Return by version until when (epoch) a release that lacks one of `steps` may return.

    A release that serves now, or of which nobody wrote down when it was left, may return for a
    whole window from now.
    """
    past = served(ledger)
    ends = {}
    for entry in {e["digest"]: e for e in past}.values():
        times = [at(e) for e in past if (e.get("previous") or {}).get("digest") == entry["digest"]]
        until = max(times, default=now) + window_hours * 3600
        if until > now and not steps <= set(entry.get("known") or []):
            ends[entry["version"]] = until
    return ends
