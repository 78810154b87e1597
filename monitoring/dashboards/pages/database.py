"""How PostgreSQL fares."""

from __future__ import annotations

from monitoring.dashboards.model import Page, lines, number, or_zero, q

_OURS = 'datname="dash"'

PAGE = Page(
    uid="dash-database",
    title="Database",
    words="Does PostgreSQL answer, what does it do, and what waits?",
    panels=(
        number("Answers", "bool", "Whether the exporter reaches it.",
               q("min by (host) (pg_up)", "{{host}}"), least=1, alerts=("DatabaseDown",)),
        number("Seen from the service", "none", "Hosts of the service that the database answers.",
               q("sum(dash_database_up)", "hosts"), alerts=("DatabaseUnreachable",)),
        number("Size", "bytes", "Of the service's database.", q(f"max(pg_database_size_bytes{{{_OURS}}})", "size")),
        number("Longest transaction", "s", "An old one keeps dead rows from being cleared away.",
               q("max(pg_stat_activity_max_tx_duration)", "longest"), alarm=300, alerts=("TransactionLong",)),
        number("Deadlocks", "none", "In five minutes; zero is what is wanted.",
               q(f"sum(increase(pg_stat_database_deadlocks{{{_OURS}}}[5m]))", "deadlocks"), alarm=1, alerts=("Deadlocks",)),
        number("Behind the primary", "s", "Of a standby; 0 without one.",
               q("max(pg_replication_lag_seconds) or vector(0)", "behind"),
               alerts=("ReplicationLags", "StandbyMissing")),
        lines("Transactions", "ops", "Committed and rolled back.",
              q(f"sum(rate(pg_stat_database_xact_commit{{{_OURS}}}[1m]))", "committed"),
              q(f"sum(rate(pg_stat_database_xact_rollback{{{_OURS}}}[1m]))", "rolled back"), width=12),
        lines("Connections", "none", "By what they do, of those that the server takes.",
              q(f"sum by (state) (pg_stat_activity_count{{{_OURS}}})", "{{state}}"), width=12,
              alerts=("PoolExhausted",)),
        lines("Rows", "rowsps", "Read and changed.",
              q(f"sum(rate(pg_stat_database_tup_fetched{{{_OURS}}}[1m]))", "fetched"),
              q(f"sum(rate(pg_stat_database_tup_inserted{{{_OURS}}}[1m]))", "inserted"),
              q(f"sum(rate(pg_stat_database_tup_updated{{{_OURS}}}[1m]))", "updated"),
              q(f"sum(rate(pg_stat_database_tup_deleted{{{_OURS}}}[1m]))", "deleted"), width=12),
        lines("Found in memory", "percentunit", "Of blocks that were asked for; below 0.9 it wants more memory.",
              q(f"sum(rate(pg_stat_database_blks_hit{{{_OURS}}}[5m])) / clamp_min(sum(rate("
                f"pg_stat_database_blks_hit{{{_OURS}}}[5m])) + sum(rate(pg_stat_database_blks_read{{{_OURS}}}[5m])), 1)",
                "found"), width=12, highest=1),
        lines("Locks", "none", "By mode.", q(or_zero(f"sum by (mode) (pg_locks_count{{{_OURS}}}) > 0", "mode"), "{{mode}}"),
              width=12),
        lines("Written to temporary files", "Bps", "Queries that want more work memory than they may have.",
              q(f"sum(rate(pg_stat_database_temp_bytes{{{_OURS}}}[5m]))", "written"), width=12),
    ),
)  # fmt: skip
