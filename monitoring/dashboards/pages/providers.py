"""How providers of language models fare, and what they cost."""

from __future__ import annotations

from monitoring.dashboards.model import Page, lines, number, or_zero, q

_CALLS = 'sum by (model, outcome) (rate(dash_llm_requests_total{color=~"$color"}[1m]))'


def _quantile(metric: str, by: str) -> str:
    """Return the 95th of 100; nothing was asked is 0, not nothing."""
    buckets = f'sum by (le, {by}) (rate({metric}_bucket{{color=~"$color"}}[5m]))'
    return or_zero(f"histogram_quantile(0.95, {buckets}) >= 0", by)


PAGE = Page(
    uid="dash-providers",
    title="LLM providers",
    words="Do providers of language models answer, who waits for them, and what do they cost?",
    variables=("color",),
    panels=(
        number("Breakers that are open", "none", "Calls of deployments that are not made just now.",
               q("sum(dash_llm_breaker_state > bool 0)", "open"), alarm=1, alerts=("BreakerOpen",)),
        number("Requests a second", "reqps", "Of all models.",
               q("sum(rate(dash_llm_requests_total[1m])) or vector(0)", "requests")),
        number("Failed of them", "percentunit", "Whatever ended neither well nor by the client's will; five minutes.",
               q('(sum(rate(dash_llm_requests_total{outcome!~"ok|cancelled"}[5m]))'
                 " / (sum(rate(dash_llm_requests_total[5m])) > 0)) or vector(0)", "failed"),
               alarm=0.05, alerts=("ModelFails",)),
        number("Cost of the last hour", "currencyUSD", "By the catalog's prices.",
               q("sum(increase(dash_llm_cost_dollars_total[1h])) or vector(0)", "dollars")),
        number("Accounts not written yet", "none", "Rows that wait for the database.",
               q("sum(dash_llm_accounts_pending)", "pending")),
        number("Accounts lost", "none", "Rows that no memory was left for; zero is what is wanted.",
               q("sum(dash_llm_accounts_lost_total)", "lost"), alarm=1, alerts=("AccountsLost",)),
        lines("Requests by model and outcome", "reqps", "ok, cancelled, or a type of failure.",
              q(or_zero(_CALLS, "model"), "{{model}} {{outcome}}"), width=12, alerts=("ModelFails",)),
        lines("Calls by deployment and outcome", "reqps", "More calls than requests: some are tried elsewhere.",
              q(or_zero('sum by (deployment, outcome) (rate(dash_llm_attempts_total{color=~"$color"}[1m]))', "deployment"),
                "{{deployment}} {{outcome}}"), width=12),
        lines("Time to a whole answer, 95 of 100", "s", "By model; 0 while nobody asks.",
              q(_quantile("dash_llm_request_seconds", "model"), "{{model}}")),
        lines("Time to first content, 95 of 100", "s", "Of streams, by model; 0 while nobody asks.",
              q(_quantile("dash_llm_first_content_seconds", "model"), "{{model}}")),
        lines("Time that we add, 95 of 100", "s", "Until the answer begins, queues and pauses included.",
              q(_quantile("dash_llm_overhead_seconds", "color"), "{{color}}")),
        lines("Breakers", "none", "0 closed, 1 open, 2 forced open.",
              q('max by (deployment) (dash_llm_breaker_state{color=~"$color"})', "{{deployment}}"),
              highest=2, alerts=("BreakerOpen",)),
        lines("Calls under way", "none", "By provider.",
              q('sum by (provider) (dash_llm_in_flight{color=~"$color"})', "{{provider}}")),
        lines("Requests that wait for a place", "none", "By provider.",
              q('sum by (provider) (dash_llm_queued{color=~"$color"})', "{{provider}}")),
        lines("Tokens", "cps", "To models and from them.",
              q(or_zero('sum by (model, direction) (rate(dash_llm_tokens_total{color=~"$color"}[1m]))', "model"),
                "{{model}} {{direction}}"), width=12),
        lines("Cost an hour", "currencyUSD", "By model, at the pace of the last five minutes.",
              q(or_zero('3600 * sum by (model) (rate(dash_llm_cost_dollars_total{color=~"$color"}[5m]))', "model"),
                "{{model}}"), width=12),
    ),
)  # fmt: skip
