-- Which primaries wrote here: a promotion begins another timeline, and a line of the audit.
CREATE TABLE primaries (
    system_identifier bigint NOT NULL,
    timeline          integer NOT NULL,
    address           text NOT NULL,
    seen_at           timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (system_identifier, timeline)
);
