-- class: expand
-- Who did what to whom. The service adds rows and reads them; it cannot change or remove one.
-- migrate:up
CREATE TABLE audit_log (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  actor text NOT NULL,
  action text NOT NULL,
  target text NOT NULL,
  address text NOT NULL,
  outcome text NOT NULL CHECK (outcome IN ('ok', 'refused')),
  detail jsonb NOT NULL DEFAULT '{}'
);
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'dash_app') THEN
    REVOKE UPDATE, DELETE, TRUNCATE ON audit_log FROM dash_app;
  END IF;
END
$$;
-- migrate:risk
SELECT 'audit_log', count(*) FROM audit_log;
-- migrate:down
DROP TABLE audit_log;
