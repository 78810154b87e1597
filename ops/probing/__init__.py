"""The prober's parts: what an answer is, how answers add up, how requests are sent.

The report, one JSON document (times are seconds since the epoch, unless `_ms`):

- `started`, `ended` (null while it runs), `updated` (when it was written), `running`
- `sent`, `answered` (complete answers of any status), `failed`, `judged` (all that could fail),
  `limited` (429: neither good nor failed), `unfinished` (under way when it was told to end)
- `by_kind`: keepalive, fresh, post → `n`, `failed`, `excused`, `judged`
- `not_judged`: request → fault that it had from its first answer on; such answers are excused and
  count nowhere but in `by_kind`
- `by_color`: `n`, `failed`, `p50_ms`, `p95_ms`, `p99_ms`; `by_version`: `n`, `failed`. Answers that
  name no colour (the edge's own, or none) are in neither, but in the totals and in `seconds`
- `seconds`, the last 600: `t`, `n`, `failed`, `kinds` → [n, failed], `colors` → `n`, `failed`,
  `p95_ms`; `last_failed`: when the last answer failed, or null
- `switches`: `t`, `from`, `to`; `worst_gap_ms`: longest time between two good answers beyond the
  sending interval; `own_delay_ms`: how late the prober itself was at worst
- `reachable`: whether anything answered in the last 5 s; `failures`: the first 50
- `sockets`: `n` (agents that were registered), `lost` of them, `reconnects`, `open` by colour,
  `messages` (that have an end), `lost_messages` (`refused` of them), `late` (10 s and
  more), `doubled`, `out_of_order`,
  `holes` (numbers that never came), `unfinished`, `slowest_reconnect_ms` beyond `after_ms`
- `streams`: `n` that ended, `broken` of them
- `smoke`: at the end, what was wrong with one agent and one stream, "" when nothing was
- `losses`: the first 50 sockets, messages and streams: `t`, `what`, `name`, `why`, `colors`;
  `lost_seconds`: `t` and how many of what, of each second in which any was; `last_lost`: the last
- `note`: what was left out, and why; `summary`: the line for a person
"""
