"""What is released, how releases went, and what clients noticed of them."""

from __future__ import annotations

from monitoring.dashboards.model import Page, lines, number, or_zero, q

_EDGES = "without (host, instance, role)"

PAGE = Page(
    uid="dash-release",
    title="Releases",
    words="What is released, how releases went, and what clients noticed. Deploys draw the marks.",
    panels=(
        number("Serves", "none", "1 for the colour that the edges send clients to.",
               q("max by (color) (dash_edge_active)", "{{color}}"), alerts=("EdgesDisagree",)),
        number("Versions that run", "none", "Hosts by colour and version.",
               q("count by (color, version) (dash_build_info)", "{{color}} {{version}}"), width=8,
               alerts=("ReleaseDiffers",)),
        number("Operation open", "none", "A release that is under way or paused.",
               q("count(dash_operation_open) or vector(0)", "open"), alerts=("OperationStuck",)),
        number("Lease held", "none", "Whether somebody may change the stack just now.",
               q("max(dash_lease_held)", "lease")),
        number("Since the last release", "s", "Time since an operation ended well.",
               q("time() - max(dash_release_last_timestamp_seconds)", "ago")),
        lines("Answers by colour", "reqps", "A release moves them from one colour to the other at once.",
              q('sum by (proxy) (rate(haproxy_backend_http_responses_total{proxy=~"app_.+"}[1m]))', "{{proxy}}"),
              width=12),
        lines("Failed answers by colour", "reqps", "Zero over every mark, or the release was felt.",
              q('sum by (proxy) (rate(haproxy_backend_http_responses_total{proxy=~"app_.+",code="5xx"}[1m]))',
                "{{proxy}} 5xx"), width=12, alerts=("BudgetBurnsFast",)),
        lines("Operations by how they ended", "none", "Since the ledger began.",
              q(or_zero(f"max {_EDGES} (dash_release_operations_total) > 0", "kind"), "{{kind}} {{outcome}}"), width=12),
        lines("What the probers of releases sent", "none", "Requests during operations, and those that failed.",
              q(f"max {_EDGES} (dash_release_requests_total)", "sent"),
              q(f"max {_EDGES} (dash_release_failed_requests_total)", "failed"), width=12),
        lines("Fencing number", "none", "Rises by one with each operation; an edge that stays behind is told nothing.",
              q("max by (host) (dash_fence)", "{{host}}"), width=12, alerts=("EdgesDisagree",)),
        lines("Map file and HAProxy differ", "bool", "1 where an edge runs another colour than its file says.",
              q("max by (host) (dash_edge_map_differs)", "{{host}}"), width=12, highest=1, alerts=("MapDiffers",)),
    ),
)  # fmt: skip
