-- class: expand
-- What a key may use. Keys of one group share their limits and what they used of them: a key and
-- the one it was rotated to, and keys that were made with a key. No group is a group of one.
-- migrate:up
ALTER TABLE api_keys
  ADD COLUMN request_budget bigint CHECK (request_budget >= 0),
  ADD COLUMN token_budget bigint CHECK (token_budget >= 0),
  ADD COLUMN group_id uuid,
  ADD COLUMN replaced_by text;
CREATE INDEX api_keys_group_id ON api_keys (group_id) WHERE group_id IS NOT NULL;
-- `taken` is what processes hold or have used since `period` began; `granted` is the last chunk.
CREATE TABLE key_usage (
  group_id uuid NOT NULL,
  meter text NOT NULL CHECK (meter IN ('minute', 'requests', 'tokens')),
  user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  period timestamptz NOT NULL,
  taken bigint NOT NULL CHECK (taken >= 0),
  granted bigint NOT NULL,
  PRIMARY KEY (group_id, meter)
) WITH (fillfactor = 50);
CREATE INDEX key_usage_user_id ON key_usage (user_id);
-- Releases measure with this key, and were never limited before.
UPDATE api_keys k SET rate_limit = 1000000 FROM users u
WHERE u.id = k.user_id AND u.email = 'prober@dash.internal';
-- migrate:risk
SELECT 'key_usage', count(*) FROM key_usage
UNION ALL
SELECT 'api_keys with budgets or groups', count(*) FROM api_keys
WHERE request_budget IS NOT NULL OR token_budget IS NOT NULL OR group_id IS NOT NULL;
-- migrate:down
DROP TABLE key_usage;
ALTER TABLE api_keys
  DROP COLUMN request_budget, DROP COLUMN token_budget, DROP COLUMN group_id, DROP COLUMN replaced_by;
