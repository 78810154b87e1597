"""Does the service answer, how fast, and of what does it run short."""

from __future__ import annotations

from monitoring.dashboards.model import Page, lines, number, q

_HERE = '{color=~"$color"}'
_BUILD = "* on (instance) group_left (version) max by (instance, version) (dash_build_info)"
# Streams and sockets wait for others.
_OWN = 'color=~"$color",route!~"/v1/chat/completions|/v1/echo/events|/ws"'


def _quantile(share: float) -> str:
    buckets = f"sum by (color, le) (rate(dash_request_seconds_bucket{{{_OWN}}}[1m]))"
    return f"histogram_quantile({share}, {buckets})"


PAGE = Page(
    uid="dash-service",
    title="Service",
    words="Does the service answer, how fast, and of what does it run short?",
    variables=("color",),
    panels=(
        number(
            "Availability", "percentunit",
            "Share of clients' requests that were not answered with a 5xx, over five minutes.",
            q('1 - (sum(slo:error:ratio5m{slo="availability"}) or vector(0))', "availability"),
            least=0.999, alerts=("BudgetBurnsFast", "ServiceDown"),
        ),
        number("Requests a second", "reqps", "What clients ask at the edges.",
               q('sum(rate(haproxy_frontend_http_requests_total{proxy="public"}[1m]))', "requests")),
        number("Ready", "none", "Hosts whose /readyz answers 200, by colour.",
               q("sum by (color) (dash_ready)", "{{color}}"), alerts=("AppDown",)),
        number("Servers behind the edges", "none", "Servers that HAProxy takes for healthy.",
               q('max by (proxy) (haproxy_backend_active_servers{proxy=~"app_.+"})', "{{proxy}}"),
               alerts=("NoServerLeft",)),
        number("Agents", "none", "Sockets of agents that are open, by colour.",
               q("sum by (color) (dash_agents_connected)", "{{color}}")),
        number("Sessions at the edges", "none", "Connections of clients, sockets of agents included.",
               q('sum(haproxy_frontend_current_sessions{proxy="public"})', "sessions")),
        lines("Requests by colour and version", "reqps", "The colour that serves has nearly all of them.",
              q(f"sum by (color, version) (rate(dash_requests_total{_HERE}[1m]) {_BUILD})", "{{color}} {{version}}")),
        lines("Failed requests by colour and version", "reqps",
              "Answers with a 5xx. Zero is what a release promises.",
              q(f'sum by (color, version) (rate(dash_requests_total{{color=~"$color",status=~"5.."}}[1m]) {_BUILD})'
                f" or 0 * count by (color, version) (dash_build_info{_HERE})", "{{color}} {{version}}"),
              alerts=("BudgetBurns",)),
        lines("Time to answer, 95 and 50 of 100", "s",
              "Without streams and sockets, which wait for others. A dot is one request, and leads to its lines.",
              q(_quantile(0.95), "{{color}} 95 %", exemplars=True), q(_quantile(0.5), "{{color}} 50 %"),
              alerts=("BudgetBurnsSlowly",)),
        lines("Requests under way", "none", "It rises when something that requests wait for is slow.",
              q(f"sum by (color) (dash_requests_in_flight{_HERE})", "{{color}}")),
        lines("Connections to the database", "none",
              "In use of the most there may be; requests that wait for one are trouble.",
              q('sum by (color) (dash_pool_connections{color=~"$color",state="most"})', "{{color}} most"),
              q('sum by (color) (dash_pool_connections{color=~"$color",state="open"})'
                ' - sum by (color) (dash_pool_connections{color=~"$color",state="free"})', "{{color}} in use"),
              q('sum by (color) (dash_pool_connections{color=~"$color",state="waiting"})', "{{color}} waiting"),
              alerts=("PoolExhausted",)),
        lines("Processor time of the service's hosts", "percentunit", "One is every core of the host.",
              q('1 - avg by (host) (rate(node_cpu_seconds_total{role="app",color=~"$color",mode="idle"}[1m]))',
                "{{host}}"), highest=1),
        lines("Keys checked against bcrypt", "ops",
              "Each takes a core for a while; a key is checked again only when it is no longer in memory.",
              q(f"sum by (color) (rate(dash_key_hash_checks_total{_HERE}[1m]))", "{{color}}")),
        lines("Messages of agents", "cps", "In from agents and out to them.",
              q(f"sum by (color, direction) (rate(dash_agent_messages_total{_HERE}[1m]))"
                f" or on (color) 0 * sum by (color) (dash_agents_connected{_HERE})", "{{color}} {{direction}}")),
        lines("Answers at the edges", "reqps", "What clients get, whichever colour serves.",
              q('sum by (code) (rate(haproxy_frontend_http_responses_total{proxy="public"}[1m]))', "{{code}}")),
    ),
)  # fmt: skip
