-- class: expand
-- What requests to language models used and cost. Written in batches by the gateway, which makes
-- the ids: a batch that is written again adds nothing. No foreign keys: an account outlives a user.
-- migrate:up
CREATE TABLE llm_calls (
  id uuid PRIMARY KEY,
  at timestamptz NOT NULL,
  user_id uuid NOT NULL,
  key_id uuid NOT NULL,
  request_id text NOT NULL,
  model text NOT NULL,
  provider text,
  provider_model text,
  mode text NOT NULL CHECK (mode IN ('json', 'live', 'whole')),
  outcome text NOT NULL,
  path text[] NOT NULL,
  prompt_tokens bigint NOT NULL CHECK (prompt_tokens >= 0),
  completion_tokens bigint NOT NULL CHECK (completion_tokens >= 0),
  estimated boolean NOT NULL,
  cost numeric(14, 8) NOT NULL,
  first_ms real,
  total_ms real NOT NULL,
  overhead_ms real NOT NULL
);
CREATE INDEX llm_calls_user_id ON llm_calls (user_id, at);
CREATE INDEX llm_calls_at ON llm_calls USING brin (at);
-- migrate:risk
SELECT 'llm_calls', count(*) FROM llm_calls;
-- migrate:down
DROP TABLE llm_calls;
