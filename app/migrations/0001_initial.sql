-- class: expand
-- migrate:up
CREATE TABLE users (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  email text NOT NULL UNIQUE CHECK (email = lower(email) AND email LIKE '%_@_%'),
  password_hash varchar(255),
  role text NOT NULL DEFAULT 'user' CHECK (role IN ('admin', 'operator', 'user', 'viewer')),
  is_active boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE api_keys (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  public_id text NOT NULL UNIQUE,
  key_hash varchar(255) NOT NULL UNIQUE,
  verifier bytea,
  name text NOT NULL,
  permissions jsonb NOT NULL DEFAULT '[]',
  rate_limit integer NOT NULL DEFAULT 100 CHECK (rate_limit > 0),
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz,
  last_used_at timestamptz,
  is_active boolean NOT NULL DEFAULT true
);
CREATE INDEX api_keys_user_id ON api_keys (user_id, id);
-- migrate:risk
SELECT 'users', count(*) FROM users UNION ALL SELECT 'api_keys', count(*) FROM api_keys;
-- migrate:down
DROP TABLE api_keys;
DROP TABLE users;
