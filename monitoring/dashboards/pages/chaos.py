"""What experiments did to availability. Each draws a mark with the tag chaos."""

from __future__ import annotations

from monitoring.dashboards.model import Page, lines, q

PAGE = Page(
    uid="dash-chaos",
    title="Chaos",
    words="What did experiments do to clients? Marks with the tag chaos say what was done, and when.",
    marks=("chaos", "release"),
    panels=(
        lines("Availability", "percentunit", "Share of clients' answers that were no 5xx, over a minute.",
              q('1 - sum(rate(haproxy_frontend_http_responses_total{proxy="public",code="5xx"}[1m]))'
                ' / clamp_min(sum(rate(haproxy_frontend_http_responses_total{proxy="public"}[1m])), 0.001)',
                "availability"), width=24, highest=1, alerts=("BudgetBurnsFast", "ServiceDown")),
        lines("Answers at the edges", "reqps", "What clients get.",
              q('sum by (code) (rate(haproxy_frontend_http_responses_total{proxy="public"}[1m]))', "{{code}}"),
              width=12),
        lines("Retried and sent elsewhere", "ops", "What the edges mended before a client could notice.",
              q('sum(rate(haproxy_backend_retry_warnings_total{proxy=~"app_.+"}[1m]))', "tried again"),
              q('sum(rate(haproxy_backend_redispatch_warnings_total{proxy=~"app_.+"}[1m]))', "sent elsewhere"),
              width=12),
        lines("Servers that are healthy", "none", "As HAProxy sees them.",
              q('max by (proxy) (haproxy_backend_active_servers{proxy=~"app_.+"})', "{{proxy}}"),
              width=12, alerts=("NoServerLeft",)),
        lines("Hosts that answer", "none", "By role.", q('sum by (role) (up{job="node"})', "{{role}}"),
              width=12, alerts=("HostDown",)),
        lines("Alerts that fire", "none", "An experiment that hurts is told of.",
              q('sum by (alertname) (ALERTS{alertstate="firing"})', "{{alertname}}"), width=12),
        lines("Seen from outside", "bool", "Whether /healthz answers, at each edge.",
              q("min by (host) (probe_success)", "{{host}}"), width=12, highest=1, alerts=("ServiceDown",)),
    ),
)  # fmt: skip
