"""What a vCPU carried: of stairs at the last stage that kept all thresholds, else of the run."""

from __future__ import annotations

from typing import Any


def of(document: dict[str, Any], cpus: int) -> dict[str, float] | None:
    """Return requests a second and agents, in all and per vCPU; None where no stage held."""
    stages, knee = document["stages"], document["knee"]
    kept = [stage for stage in stages[:knee] if stage["seconds"] and not stage["missed"]]
    if not kept or not cpus:
        return None
    best = max(kept, key=lambda stage: float(stage["rate"]))
    return {
        "rate": best["rate"],
        "agents": best["agents"],
        "users": best["users"],
        "rate_per_vcpu": round(best["rate"] / cpus, 1),
        "agents_per_vcpu": round(best["agents"] / cpus, 1),
        "at_the_knee": float(knee is not None),
    }
