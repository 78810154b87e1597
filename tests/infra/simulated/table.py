"""All resource types that the simulation carries out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.infra.simulated import balancing, compute, groups, identity, network, storage, watching

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.infra.simulated.kinds import Kind

KINDS: Mapping[str, Kind] = {
    **network.KINDS,
    **groups.KINDS,
    **compute.KINDS,
    **storage.KINDS,
    **identity.KINDS,
    **balancing.KINDS,
    **watching.KINDS,
}
