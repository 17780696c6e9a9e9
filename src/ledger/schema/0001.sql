-- One row a payment, one row an attempt, one line a fact. Rows are what the journal folds to.

CREATE TABLE head (
    id        INTEGER PRIMARY KEY CHECK (id = 1),
    mark      TEXT    NOT NULL,             -- drawn when the ledger was born; part of every order number
    salt      BLOB    NOT NULL,             -- keys the hashes of payment codes
    counter   INTEGER NOT NULL,             -- the last number given to a payment or an attempt
    starts    INTEGER NOT NULL,             -- how often it was opened for writing
    seq       INTEGER NOT NULL,             -- the journal's last line
    hash      BLOB    NOT NULL              -- and its hash, kept apart so that a cut tail is seen
) STRICT;

CREATE TABLE payments (
    ref           TEXT    PRIMARY KEY,
    client_ref    TEXT    NOT NULL UNIQUE,
    lane          TEXT    NOT NULL,
    amount        INTEGER NOT NULL,         -- smallest unit
    currency      TEXT    NOT NULL,
    description   TEXT    NOT NULL,
    attach        TEXT    NOT NULL,
    operator      TEXT    NOT NULL,
    patience_ms   INTEGER NOT NULL,
    asked_code    BLOB,                     -- salted hash of a code that came with the request
    state         TEXT    NOT NULL,
    money         TEXT    NOT NULL,
    canceled      INTEGER NOT NULL,
    decline_code  TEXT,
    decline_text  TEXT,
    alarm         TEXT,
    open          INTEGER NOT NULL,
    attempts      INTEGER NOT NULL,
    refunded      INTEGER NOT NULL DEFAULT 0,
    next_action   TEXT    NOT NULL,
    next_at       INTEGER,                  -- wall time, for people
    acked_at      INTEGER,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    seq           INTEGER NOT NULL          -- its last journal line
) STRICT, WITHOUT ROWID;

CREATE INDEX payments_open ON payments (ref) WHERE open = 1;
CREATE INDEX payments_created ON payments (created_at, ref);
CREATE INDEX payments_unacked ON payments (ref) WHERE state = 'paid' AND acked_at IS NULL;

CREATE TABLE attempts (
    out_trade_no   TEXT    PRIMARY KEY,
    payment        TEXT    NOT NULL REFERENCES payments (ref),
    no             INTEGER NOT NULL,
    code_mark      BLOB    NOT NULL,        -- salted hash
    code_hint      TEXT    NOT NULL,        -- last four digits
    stage          TEXT    NOT NULL,
    state          TEXT    NOT NULL,
    money          TEXT    NOT NULL,
    outcome        TEXT    NOT NULL,
    tries          INTEGER NOT NULL,
    refunds        INTEGER NOT NULL,
    paid_seen      INTEGER NOT NULL,
    refund_due     INTEGER NOT NULL,
    watch          INTEGER NOT NULL,
    refused        TEXT    NOT NULL,
    refused_class  TEXT    NOT NULL,
    err_code       TEXT    NOT NULL,
    err_code_des   TEXT    NOT NULL,
    alarm          TEXT,
    refund_no      TEXT    NOT NULL,
    transaction_id TEXT,
    paid_at        INTEGER,
    payer_total    INTEGER,
    payer_currency TEXT,
    rate           TEXT,
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    UNIQUE (payment, no)
) STRICT, WITHOUT ROWID;

CREATE INDEX attempts_code ON attempts (code_mark);

CREATE TABLE journal (
    seq          INTEGER PRIMARY KEY,
    at           INTEGER NOT NULL,          -- wall time, for people
    payment      TEXT    NOT NULL,
    out_trade_no TEXT,
    data         TEXT    NOT NULL,          -- JSON
    hash         BLOB    NOT NULL           -- of the line before and this one
) STRICT;

CREATE INDEX journal_payment ON journal (payment, seq);

CREATE TRIGGER journal_is_append_only_update BEFORE UPDATE ON journal
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER journal_is_append_only_delete BEFORE DELETE ON journal
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
