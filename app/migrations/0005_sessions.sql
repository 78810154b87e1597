-- class: expand
-- People sign in: what a browser holds, what was tried in vain, and how a password is set anew.
-- Of each token its SHA-256 alone is kept.
-- migrate:up
CREATE TABLE sessions (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  token_hash bytea NOT NULL UNIQUE CHECK (length(token_hash) = 32),
  created_at timestamptz NOT NULL DEFAULT now(),
  last_seen_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  address text NOT NULL,
  agent text NOT NULL
);
CREATE INDEX sessions_user_id ON sessions (user_id, id);
CREATE INDEX sessions_expires_at ON sessions (expires_at);
-- `subject` is a keyed hash: of an email, whether there is such a user or not, or of an address.
CREATE TABLE sign_in_failures (
  kind text NOT NULL CHECK (kind IN ('account', 'address', 'sign_up', 'reset')),
  subject bytea NOT NULL,
  failures integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
  last_at timestamptz NOT NULL DEFAULT now(),
  blocked_until timestamptz,
  PRIMARY KEY (kind, subject)
) WITH (fillfactor = 50);
CREATE TABLE password_resets (
  token_hash bytea PRIMARY KEY CHECK (length(token_hash) = 32),
  user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  used_at timestamptz
);
CREATE INDEX password_resets_user_id ON password_resets (user_id);
-- migrate:risk
SELECT 'sessions', count(*) FROM sessions
UNION ALL
SELECT 'sign_in_failures', count(*) FROM sign_in_failures
UNION ALL
SELECT 'password_resets', count(*) FROM password_resets;
-- migrate:down
DROP TABLE password_resets;
DROP TABLE sign_in_failures;
DROP TABLE sessions;
