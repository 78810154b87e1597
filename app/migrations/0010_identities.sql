-- class: expand
-- People whom an identity provider vouches for, and what a provider said that counts once.
-- `digest` is the SHA-256 of a state or of an assertion's id.
-- migrate:up
CREATE TABLE identities (
  provider text NOT NULL CHECK (provider IN ('ldap', 'oidc', 'saml')),
  subject text NOT NULL CHECK (length(subject) BETWEEN 1 AND 1000),
  user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  last_used_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (provider, subject)
);
CREATE INDEX identities_user_id ON identities (user_id);
CREATE TABLE identity_used (
  digest bytea PRIMARY KEY CHECK (length(digest) = 32),
  expires_at timestamptz NOT NULL
);
CREATE INDEX identity_used_expires_at ON identity_used (expires_at);
-- migrate:risk
SELECT 'identities', count(*) FROM identities;
-- migrate:down
DROP TABLE identity_used;
DROP TABLE identities;
