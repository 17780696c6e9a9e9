-- Days that were compared with WeChat's statement, and indexes for whoever asks about a day.

-- One row a day: the last comparison counts. No money depends on it, so that the journal does not tell of it.
CREATE TABLE reconciled (
    day        TEXT    PRIMARY KEY,   -- year-month-day, UTC+8
    at         INTEGER NOT NULL,      -- wall time, when it was compared
    payments   INTEGER NOT NULL,      -- the statements told of payments
    refunds    INTEGER NOT NULL,      -- and of refunds
    complete   INTEGER NOT NULL,      -- they were all there
    wrong      INTEGER NOT NULL,      -- differences: money in the wrong place
    look       INTEGER NOT NULL,      -- to look at
    explained  INTEGER NOT NULL,      -- and such as are none
    unlisted   INTEGER NOT NULL,      -- not looked at one by one
    agreed     INTEGER NOT NULL,      -- movements that agree
    totals     TEXT    NOT NULL,      -- JSON: both sides' sums by currency
    statements TEXT    NOT NULL,      -- JSON: rows and SHA-256 of each file
    terminals  TEXT    NOT NULL       -- JSON: whose ledgers were compared
) STRICT, WITHOUT ROWID;

-- Sales by the moment they were paid, with all that a comparison in bulk reads of them. SQLite reads an index alone only
-- where every column that is named has a place of its own in it.
CREATE INDEX attempts_paid ON attempts (coalesce(paid_at, updated_at), out_trade_no, payment, transaction_id, outcome,
    paid_at, updated_at) WHERE outcome = 'paid';
CREATE INDEX attempts_returned ON attempts (updated_at) WHERE outcome = 'returned';
-- A payment that was taken with its second code or a later one; with two of them, it was taken twice.
CREATE INDEX attempts_again ON attempts (payment) WHERE outcome = 'paid' AND no > 1;
