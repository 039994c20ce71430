//! The tables of `registry.sqlite`.

/// Entry `n` takes the file from schema version `n` to `n + 1`. Entries are never edited once
/// released, only added.
pub(crate) const MIGRATIONS: &[&str] = &[V1, V2, V3];

/// `tenant_id` is part of every key (one tenant for now, see `holdfast_model::id::TENANT`).
/// `row_v` is the version of the JSON in `row`.
const V1: &str = r"
CREATE TABLE app (
    tenant_id      TEXT    NOT NULL,
    app_id         TEXT    NOT NULL,
    row_v          INTEGER NOT NULL,
    row            TEXT    NOT NULL,
    PRIMARY KEY (tenant_id, app_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE app_secret (
    tenant_id      TEXT    NOT NULL,
    app_id         TEXT    NOT NULL,
    version        INTEGER NOT NULL CHECK (version > 0),
    sealed         BLOB    NOT NULL,
    added_at       INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, app_id, version),
    FOREIGN KEY (tenant_id, app_id) REFERENCES app
) STRICT;

CREATE TABLE credential (
    tenant_id      TEXT    NOT NULL,
    credential_id  TEXT    NOT NULL,
    app_id         TEXT,
    row_v          INTEGER NOT NULL,
    row            TEXT    NOT NULL,
    PRIMARY KEY (tenant_id, credential_id),
    FOREIGN KEY (tenant_id, app_id) REFERENCES app
) STRICT, WITHOUT ROWID;

-- `sealed` is NULL exactly when the version is retired: its ciphertext is shredded, the
-- description with the fingerprint stays.
CREATE TABLE credential_version (
    tenant_id      TEXT    NOT NULL,
    credential_id  TEXT    NOT NULL,
    version        INTEGER NOT NULL CHECK (version > 0),
    state          TEXT    NOT NULL,
    sealed         BLOB,
    row_v          INTEGER NOT NULL,
    row            TEXT    NOT NULL,
    PRIMARY KEY (tenant_id, credential_id, version),
    FOREIGN KEY (tenant_id, credential_id) REFERENCES credential,
    CHECK ((state = 'retired') = (sealed IS NULL))
) STRICT;

CREATE UNIQUE INDEX one_active_version
    ON credential_version (tenant_id, credential_id) WHERE state = 'active';

CREATE TABLE destination (
    tenant_id      TEXT    NOT NULL,
    destination_id TEXT    NOT NULL,
    lane           INTEGER NOT NULL CHECK (lane > 0),
    credential_id  TEXT    NOT NULL,
    row_v          INTEGER NOT NULL,
    row            TEXT    NOT NULL,
    PRIMARY KEY (tenant_id, destination_id),
    FOREIGN KEY (tenant_id, credential_id) REFERENCES credential,
    UNIQUE (tenant_id, lane)
) STRICT, WITHOUT ROWID;

-- Highest number given so far. Grows only, so that a number is never given twice.
CREATE TABLE counter (
    tenant_id      TEXT    NOT NULL,
    name           TEXT    NOT NULL,
    last           INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, name)
) STRICT, WITHOUT ROWID;

-- `scope` is the canonical JSON of the hold's scope: selectors in fixed order, so equal scopes
-- are equal texts.
CREATE TABLE hold (
    tenant_id      TEXT    NOT NULL,
    hold_id        TEXT    NOT NULL,
    scope          TEXT    NOT NULL,
    opened_at      INTEGER NOT NULL,
    lifted_at      INTEGER,
    row_v          INTEGER NOT NULL,
    row            TEXT    NOT NULL,
    PRIMARY KEY (tenant_id, hold_id)
) STRICT;

CREATE UNIQUE INDEX one_open_hold_per_scope
    ON hold (tenant_id, scope) WHERE lifted_at IS NULL;
CREATE INDEX hold_by_time
    ON hold (tenant_id, opened_at, hold_id);

CREATE TABLE access_key (
    tenant_id      TEXT    NOT NULL,
    key_id         TEXT    NOT NULL,
    sha256         BLOB    NOT NULL CHECK (length(sha256) = 32),
    revoked_at     INTEGER,
    row_v          INTEGER NOT NULL,
    row            TEXT    NOT NULL,
    PRIMARY KEY (tenant_id, key_id),
    UNIQUE (tenant_id, sha256)
) STRICT;

-- `hash` is SHA-256 over the hash of the row before and this row's own values.
CREATE TABLE audit (
    tenant_id      TEXT    NOT NULL,
    seq            INTEGER NOT NULL CHECK (seq > 0),
    at             INTEGER NOT NULL,
    actor          TEXT    NOT NULL,
    action         TEXT    NOT NULL,
    subject        TEXT    NOT NULL,
    detail         TEXT    NOT NULL,
    hash           BLOB    NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (tenant_id, seq)
) STRICT;

CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER audit_is_never_deleted BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;

CREATE TABLE setting (
    tenant_id      TEXT    NOT NULL,
    name           TEXT    NOT NULL,
    value          BLOB    NOT NULL,
    PRIMARY KEY (tenant_id, name)
) STRICT;
";

/// Alerts, and their way to each channel. `key` is unique: that is what makes one alert of many
/// callers.
const V2: &str = r"
CREATE TABLE alert (
    tenant_id      TEXT    NOT NULL,
    key            TEXT    NOT NULL,
    at             INTEGER NOT NULL,
    row_v          INTEGER NOT NULL,
    row            TEXT    NOT NULL,
    PRIMARY KEY (tenant_id, key)
) STRICT;

CREATE INDEX alert_by_time ON alert (tenant_id, at);

CREATE TABLE alert_delivery (
    tenant_id      TEXT    NOT NULL,
    key            TEXT    NOT NULL,
    channel        TEXT    NOT NULL,
    attempts       INTEGER NOT NULL DEFAULT 0,
    next_at        INTEGER,
    delivered_at   INTEGER,
    given_up_at    INTEGER,
    error          TEXT,
    PRIMARY KEY (tenant_id, key, channel),
    FOREIGN KEY (tenant_id, key) REFERENCES alert
) STRICT;

CREATE INDEX alert_due ON alert_delivery (next_at) WHERE next_at IS NOT NULL;
";

/// Renewals, what they are made with, tickets, and what platforms push. `generation` only grows: it is the fence that
/// keeps a renewer who was away too long from writing.
const V3: &str = r"
CREATE TABLE refresh_token (
    tenant_id      TEXT    NOT NULL,
    credential_id  TEXT    NOT NULL,
    version        INTEGER NOT NULL CHECK (version > 0),
    sealed         BLOB,
    added_at       INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, credential_id, version),
    FOREIGN KEY (tenant_id, credential_id) REFERENCES credential
) STRICT;

CREATE TABLE renewal (
    tenant_id      TEXT    NOT NULL,
    credential_id  TEXT    NOT NULL,
    generation     INTEGER NOT NULL,
    holder         TEXT,
    leased_until   INTEGER,
    row_v          INTEGER,
    row            TEXT,
    PRIMARY KEY (tenant_id, credential_id),
    FOREIGN KEY (tenant_id, credential_id) REFERENCES credential
) STRICT, WITHOUT ROWID;

CREATE TABLE ticket (
    tenant_id      TEXT    NOT NULL,
    purpose        TEXT    NOT NULL,
    sha256         BLOB    NOT NULL CHECK (length(sha256) = 32),
    created_at     INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL,
    body           TEXT    NOT NULL,
    PRIMARY KEY (tenant_id, purpose, sha256)
) STRICT;

CREATE TABLE delivery_count (
    tenant_id      TEXT    NOT NULL,
    credential_id  TEXT    NOT NULL,
    version        INTEGER NOT NULL,
    fingerprint    TEXT    NOT NULL,
    requests       INTEGER NOT NULL,
    items          INTEGER NOT NULL,
    first_at       INTEGER NOT NULL,
    last_at        INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, credential_id, version)
) STRICT, WITHOUT ROWID;

CREATE INDEX ticket_by_age ON ticket (tenant_id, purpose, created_at);
CREATE INDEX ticket_by_end ON ticket (tenant_id, expires_at);

-- What platforms pushed. `sealed` is NULL once it is dealt with; the hash stays for a while, because
-- platforms send again what they think was lost.
CREATE TABLE inbound (
    tenant_id      TEXT    NOT NULL,
    sha256         BLOB    NOT NULL CHECK (length(sha256) = 32),
    app_id         TEXT    NOT NULL,
    received_at    INTEGER NOT NULL,
    sealed         BLOB,
    attempts       INTEGER NOT NULL DEFAULT 0,
    next_at        INTEGER,
    closed_at      INTEGER,
    PRIMARY KEY (tenant_id, sha256),
    CHECK ((closed_at IS NULL) = (sealed IS NOT NULL))
) STRICT;

CREATE INDEX inbound_due ON inbound (next_at) WHERE closed_at IS NULL;
CREATE INDEX inbound_closed ON inbound (closed_at) WHERE closed_at IS NOT NULL;
";
