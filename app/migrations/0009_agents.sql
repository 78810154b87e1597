-- class: expand
-- Agents, what waits for them, and the processes that hold their connections. `generation` counts
-- an agent's connections and fences what they write; `sent`, `received` and `acked` are numbers of
-- messages; `token_from` is the oldest generation whose resume token still opens.
-- migrate:up
CREATE TABLE agent_processes (
  id uuid PRIMARY KEY,
  color text NOT NULL,
  started_at timestamptz NOT NULL DEFAULT now(),
  seen_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE agents (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  name text NOT NULL CHECK (name ~ '^[a-z0-9._-]{1,64}$'),
  capabilities text[] NOT NULL DEFAULT '{}',
  generation bigint NOT NULL DEFAULT 0,
  token_from bigint NOT NULL DEFAULT 0,
  process_id uuid,
  connected_at timestamptz,
  last_seen_at timestamptz,
  received bigint NOT NULL DEFAULT 0,
  sent bigint NOT NULL DEFAULT 0,
  acked bigint NOT NULL DEFAULT 0 CHECK (acked <= sent),
  expired bigint NOT NULL DEFAULT 0,
  refused jsonb NOT NULL DEFAULT '{}',
  UNIQUE (user_id, name)
) WITH (fillfactor = 50);
CREATE INDEX agents_process_id ON agents (process_id) WHERE process_id IS NOT NULL;
CREATE TABLE agent_messages (
  agent_id uuid NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
  seq bigint NOT NULL,
  sender text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('task', 'result')),
  task_id text NOT NULL,
  ok boolean,
  body text NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (agent_id, seq)
);
CREATE INDEX agent_messages_at ON agent_messages USING brin (at);
-- A socket that came in with a session hears at once that it is over, whoever ended it.
CREATE FUNCTION tell_of_session() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('sessions', CASE TG_TABLE_NAME
    WHEN 'users' THEN 'user ' || (to_jsonb(OLD) ->> 'id') ELSE to_jsonb(OLD) ->> 'id' END);
  RETURN NULL;
END $$;
CREATE TRIGGER sessions_tell AFTER DELETE ON sessions
  FOR EACH ROW EXECUTE FUNCTION tell_of_session();
CREATE TRIGGER users_tell AFTER UPDATE OF role, is_active ON users
  FOR EACH ROW EXECUTE FUNCTION tell_of_session();
-- Releases prove with this key that agents survive them; it was made before there were agents.
UPDATE api_keys k SET permissions = '["agents:connect"]' FROM users u
WHERE u.id = k.user_id AND u.email = 'prober@dash.internal';
-- migrate:risk
SELECT 'agents', count(*) FROM agents UNION ALL
SELECT 'agent_messages', count(*) FROM agent_messages;
-- migrate:down
DROP TRIGGER users_tell ON users;
DROP TRIGGER sessions_tell ON sessions;
DROP FUNCTION tell_of_session();
DROP TABLE agent_messages;
DROP TABLE agents;
DROP TABLE agent_processes;
