-- Refunds: one row a refund, kept with its payment's row and a journal line in one transaction.

CREATE TABLE refunds (
    refund_ref     TEXT    PRIMARY KEY,      -- the POS's name: one name is one refund
    out_refund_no  TEXT    NOT NULL UNIQUE,  -- its number at WeChat, for ever
    payment        TEXT    NOT NULL REFERENCES payments (ref),
    out_trade_no   TEXT    NOT NULL REFERENCES attempts (out_trade_no),
    transaction_id TEXT    NOT NULL,
    amount         INTEGER NOT NULL CHECK (amount > 0),  -- smallest unit
    total          INTEGER NOT NULL CHECK (total >= amount),
    currency       TEXT    NOT NULL,
    reason         TEXT    NOT NULL,
    operator       TEXT    NOT NULL,
    supervised     INTEGER NOT NULL,         -- the supervisor's token came with it
    created_at     INTEGER NOT NULL,
    stage          TEXT    NOT NULL,
    leads_to       TEXT    NOT NULL,         -- what an unknown number comes to
    state          TEXT    NOT NULL,
    outcome        TEXT    NOT NULL,
    sends          INTEGER NOT NULL,
    asked          INTEGER NOT NULL,
    doubted        INTEGER NOT NULL,         -- a call of it was never answered
    refused        TEXT    NOT NULL,
    refused_class  TEXT    NOT NULL,
    err_code       TEXT    NOT NULL,
    err_code_des   TEXT    NOT NULL,
    alarm          TEXT,
    accepted_at    INTEGER,                  -- wall time, when WeChat was first known to have accepted it
    refund_id      TEXT,
    refunded_at    INTEGER,
    open           INTEGER NOT NULL,
    next_action    TEXT    NOT NULL,
    next_at        INTEGER,                  -- wall time, for people
    acked_at       INTEGER,
    updated_at     INTEGER NOT NULL,
    seq            INTEGER NOT NULL          -- its last journal line
) STRICT, WITHOUT ROWID;

CREATE INDEX refunds_payment ON refunds (payment, created_at, refund_ref);
CREATE INDEX refunds_open ON refunds (refund_ref) WHERE open = 1;
CREATE INDEX refunds_day ON refunds (coalesce(accepted_at, created_at), refund_ref);
CREATE INDEX refunds_unseen ON refunds (created_at, refund_ref)
    WHERE acked_at IS NULL AND (alarm IS NOT NULL OR state IN ('failed', 'needs_attention'));

-- The till checks all of this before; here it is checked once more, where nothing can get around it.
CREATE TRIGGER refunds_fit_their_payment BEFORE INSERT ON refunds
WHEN NEW.amount > coalesce((
    SELECT payments.amount - coalesce((
        SELECT sum(amount) FROM refunds WHERE payment = NEW.payment AND state <> 'failed'), 0)
    FROM payments WHERE ref = NEW.payment AND state IN ('paid', 'partially_refunded')), 0)
BEGIN SELECT RAISE(ABORT, 'the refunds would be more than the payment'); END;
CREATE TRIGGER refunds_end_once BEFORE UPDATE ON refunds
WHEN OLD.open = 0 AND (NEW.open <> 0 OR NEW.state <> OLD.state OR NEW.outcome <> OLD.outcome)
BEGIN SELECT RAISE(ABORT, 'a settled refund stays settled'); END;
CREATE TRIGGER refunds_stay BEFORE DELETE ON refunds
BEGIN SELECT RAISE(ABORT, 'refunds are kept'); END;
