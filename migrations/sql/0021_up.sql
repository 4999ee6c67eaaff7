-- Who may use the HTTP API. A token is kept as its digest; whoever reads this table can do nothing with it.
CREATE TABLE api_tokens (
    token_id    integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text NOT NULL UNIQUE CHECK (name ~ '^[A-Za-z0-9_-]{1,64}$'),
    digest      bytea NOT NULL UNIQUE,
    scope       text NOT NULL CHECK (scope IN ('read', 'operate', 'admin')),
    bots        bigint[],
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz,
    used_at     timestamptz
);
COMMENT ON COLUMN api_tokens.bots IS 'The only bots that exist for the token; NULL: all of them.';

-- What was answered to a request with an Idempotency-Key, so that it is answered once more and not done once more.
CREATE TABLE api_requests (
    token_id  integer NOT NULL REFERENCES api_tokens ON DELETE CASCADE,
    key       text NOT NULL,
    request   bytea NOT NULL,
    status    smallint,
    body      bytea,
    begun_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (token_id, key)
);
COMMENT ON COLUMN api_requests.request IS 'A digest of method, path and body: the same key with another request is an error.';
CREATE INDEX api_requests_age ON api_requests (begun_at);
