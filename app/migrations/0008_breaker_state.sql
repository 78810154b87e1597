-- class: expand
-- What processes tell each other of providers that fail: one row for each that ever failed, by
-- provider/model. It is written when a breaker changes, never for a call.
-- migrate:up
CREATE TABLE breaker_state (
  deployment text PRIMARY KEY,
  state text NOT NULL CHECK (state IN ('closed', 'open', 'forced')),
  failed_probes integer NOT NULL DEFAULT 0 CHECK (failed_probes >= 0),
  probe_at timestamptz NOT NULL DEFAULT now(),
  probing_until timestamptz,
  changed_at timestamptz NOT NULL DEFAULT now()
);
-- migrate:risk
SELECT 'breaker_state', count(*) FROM breaker_state WHERE state <> 'closed';
-- migrate:down
DROP TABLE breaker_state;
