-- A ledger as the first version left it (schema 0001): paid, paid and acknowledged, declined, and one whose payer is at the prompt.
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE head (
    id        INTEGER PRIMARY KEY CHECK (id = 1),
    mark      TEXT    NOT NULL,             -- drawn when the ledger was born; part of every order number
    salt      BLOB    NOT NULL,             -- keys the hashes of payment codes
    counter   INTEGER NOT NULL,             -- the last number given to a payment or an attempt
    starts    INTEGER NOT NULL,             -- how often it was opened for writing
    seq       INTEGER NOT NULL,             -- the journal's last line
    hash      BLOB    NOT NULL              -- and its hash, kept apart so that a cut tail is seen
) STRICT;
INSERT INTO head VALUES(1,'K7Q2M9XB',X'0303030303030303030303030303030303030303030303030303030303030303',8,1,14,X'1317435f3d3af99d8b8a8c1cef3ff77f403d91a94216bdb3d4db285d986c2aaa');
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
INSERT INTO payments VALUES('T01-K7Q2M9XB-00000001','R-1','1',8801,'HKD','Dining Hall','牛腩麵','Mei',120000,NULL,'paid','taken',0,NULL,NULL,NULL,0,1,0,'acknowledge',NULL,NULL,1795232506000,1795232508000,3);
INSERT INTO payments VALUES('T01-K7Q2M9XB-00000003','R-2','1',8802,'HKD','Dining Hall','牛腩麵','Mei',120000,NULL,'paid','taken',0,NULL,NULL,NULL,0,1,0,'none',NULL,1795232709000,1795232706000,1795232709000,7);
INSERT INTO payments VALUES('T01-K7Q2M9XB-00000005','R-3','1',8803,'HKD','Dining Hall','牛腩麵','Mei',120000,NULL,'declined','none',0,'NOAUTH','商户无权限','our_fault',0,1,0,'start_over',NULL,NULL,1795232906000,1795232910000,11);
INSERT INTO payments VALUES('T01-K7Q2M9XB-00000007','R-4','1',8804,'HKD','Dining Hall','牛腩麵','Mei',120000,NULL,'customer_paying','unknown',0,NULL,NULL,NULL,1,1,0,'confirm_on_phone',1795233152000,NULL,1795233106000,1795233108000,14);
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
INSERT INTO attempts VALUES('T01K7Q2M9XB00000002','T01-K7Q2M9XB-00000001',1,X'5070a28163b39d816f9e0f94eaa6776b574424c5d5f1a6b35e8a112983e646ab','0001','settled','paid','taken','paid',0,0,0,0,0,'no','','','',NULL,'T01K7Q2M9XB00000002R','4200001234202611210000000001',1795232508000,8096,'CNY','92000000',1795232507000,1795232508000);
INSERT INTO attempts VALUES('T01K7Q2M9XB00000004','T01-K7Q2M9XB-00000003',1,X'1ae353fb196a1ae928ac37cbbf7a035f22d066bdd8549fe8c94c5aea69f2d154','0002','settled','paid','taken','paid',0,0,0,0,0,'no','','','',NULL,'T01K7Q2M9XB00000004R','4200001234202611210000000002',1795232708000,8096,'CNY','92000000',1795232707000,1795232708000);
INSERT INTO attempts VALUES('T01K7Q2M9XB00000006','T01-K7Q2M9XB-00000005',1,X'fe06038d0ccbd4af5671972d48a9d47337a7d0eb92968087aaede2c7b9fa80d2','0003','settled','declined','none','declined',0,0,0,0,0,'signed','our_fault','NOAUTH','商户无权限','our_fault','T01K7Q2M9XB00000006R',NULL,NULL,NULL,NULL,NULL,1795232907000,1795232910000);
INSERT INTO attempts VALUES('T01K7Q2M9XB00000008','T01-K7Q2M9XB-00000007',1,X'546106db692c8199e2210d0747c37003c070814f2341efd91a5c7b0c36483ec2','0004','asking','customer_paying','unknown','',0,0,0,0,0,'no','','','',NULL,'T01K7Q2M9XB00000008R',NULL,NULL,NULL,NULL,NULL,1795233107000,1795233108000);
CREATE TABLE journal (
    seq          INTEGER PRIMARY KEY,
    at           INTEGER NOT NULL,          -- wall time, for people
    payment      TEXT    NOT NULL,
    out_trade_no TEXT,
    data         TEXT    NOT NULL,          -- JSON
    hash         BLOB    NOT NULL           -- of the line before and this one
) STRICT;
INSERT INTO journal VALUES(1,1795232506000,'T01-K7Q2M9XB-00000001',NULL,'{"event":"armed","state":"armed","money":"none","p":"1945953ebb3530432a8cfdf8"}',X'c9b824edcb566e922a6224aca266fc7198066a27267189e7bf960a50fea900f9');
INSERT INTO journal VALUES(2,1795232507000,'T01-K7Q2M9XB-00000001','T01K7Q2M9XB00000002','{"event":"submitted","state":"submitting","money":"unknown","stage":"paying","p":"4462b0bb6d7d8e100966db10","a":"65e2809f2df41e6c0c783b06"}',X'7d960773dec5f8c1dc5e683c24cac4635d5fde0b8779aed199d6ad9c22de9234');
INSERT INTO journal VALUES(3,1795232508000,'T01-K7Q2M9XB-00000001','T01K7Q2M9XB00000002','{"event":"answered","op":"pay","said":"paid","state":"paid","money":"taken","stage":"settled","p":"7fc3be6626acde8385d0fac0","a":"b5870063b637bfc08c14eeb9"}',X'9b07b8c2370a0c488a4a17ec1b2cc55a4328eaaab459e1a2058b1b02cab8a0f2');
INSERT INTO journal VALUES(4,1795232706000,'T01-K7Q2M9XB-00000003',NULL,'{"event":"armed","state":"armed","money":"none","p":"b514a3b12b56f333f291e3d2"}',X'edf0aa1bcef0920698ba83d32f835e79d9dbd5a748fe751c90746033e7554dda');
INSERT INTO journal VALUES(5,1795232707000,'T01-K7Q2M9XB-00000003','T01K7Q2M9XB00000004','{"event":"submitted","state":"submitting","money":"unknown","stage":"paying","p":"2c80fb653f9ebcec99547190","a":"e2e4c0a0ddf6e749beee37e6"}',X'821c55361686dfa42b63884106df6f2691b89bef408711f18e0a955a62e6cd58');
INSERT INTO journal VALUES(6,1795232708000,'T01-K7Q2M9XB-00000003','T01K7Q2M9XB00000004','{"event":"answered","op":"pay","said":"paid","state":"paid","money":"taken","stage":"settled","p":"2dd7432839b1f04f684fa171","a":"f661475cdb88757f936d6b37"}',X'9bb3513544b004a35862695777fbbcecbf11d3c40aff0c5bb907e6d40e354738');
INSERT INTO journal VALUES(7,1795232709000,'T01-K7Q2M9XB-00000003',NULL,'{"event":"acknowledged","p":"bd0b7e8337d6269d7b8f1c00"}',X'5cb0642b925c74649b03a081642edc6ffb7125b0113e25db20529301f3d235d2');
INSERT INTO journal VALUES(8,1795232906000,'T01-K7Q2M9XB-00000005',NULL,'{"event":"armed","state":"armed","money":"none","p":"0d5043aa00fdf5afdde09f4d"}',X'ad58dec56afd4960d8f4052e4195d037563dbe32ba4d1d216a3bbb7729a36006');
INSERT INTO journal VALUES(9,1795232907000,'T01-K7Q2M9XB-00000005','T01K7Q2M9XB00000006','{"event":"submitted","state":"submitting","money":"unknown","stage":"paying","p":"e520f29930ffd9aa19b19d73","a":"5bb21325edb8d6b0e011cfc6"}',X'd8c5c20ef941f7469a80fa2b17ca00c238a6fb6522f205a19161a22a9fab3380');
INSERT INTO journal VALUES(10,1795232908000,'T01-K7Q2M9XB-00000005','T01K7Q2M9XB00000006','{"event":"answered","op":"pay","said":"refused","err_code":"NOAUTH","err_code_des":"商户无权限","state":"verifying","money":"unknown","stage":"asking","p":"a009894ea5096c01386bbbf9","a":"97383a7bab16945dfd4a8262"}',X'64b47d5acb6e5053ef79b9b941312df2c6715a2588fe27f4d99bff2d79805527');
INSERT INTO journal VALUES(11,1795232910000,'T01-K7Q2M9XB-00000005','T01K7Q2M9XB00000006','{"event":"answered","op":"query","said":"order_not_exist","state":"declined","money":"none","stage":"settled","p":"ca618ba2263248d8e45dd775","a":"4936f4c7b08f1a26eca90fe6"}',X'3018708543c67ceb67c5b59b590ed4b4c4109b28fc4b914d7d3c1cf19a866cb7');
INSERT INTO journal VALUES(12,1795233106000,'T01-K7Q2M9XB-00000007',NULL,'{"event":"armed","state":"armed","money":"none","p":"f2dffeedfaf75b56a42c7d39"}',X'f9d613f571548ed0f71643e856d0a0c4b4f0c71bcb9e03329d7ed6c4e3de7145');
INSERT INTO journal VALUES(13,1795233107000,'T01-K7Q2M9XB-00000007','T01K7Q2M9XB00000008','{"event":"submitted","state":"submitting","money":"unknown","stage":"paying","p":"919c6de777e998ffa0bc6c36","a":"6bb428cae0e42d82c1241230"}',X'fae25b13c6d7b4c48ae0bbf58d5e0d815acea9bbef59ed8794e49f1716dbea63');
INSERT INTO journal VALUES(14,1795233108000,'T01-K7Q2M9XB-00000007','T01K7Q2M9XB00000008','{"event":"answered","op":"pay","said":"refused","err_code":"USERPAYING","err_code_des":"需要用户输入支付密码","state":"customer_paying","money":"unknown","stage":"asking","p":"35b1dd564a3985e50111dc69","a":"6f68c8b8362f098f931cfe25"}',X'1317435f3d3af99d8b8a8c1cef3ff77f403d91a94216bdb3d4db285d986c2aaa');
CREATE INDEX payments_open ON payments (ref) WHERE open = 1;
CREATE INDEX payments_created ON payments (created_at, ref);
CREATE INDEX payments_unacked ON payments (ref) WHERE state = 'paid' AND acked_at IS NULL;
CREATE INDEX attempts_code ON attempts (code_mark);
CREATE INDEX journal_payment ON journal (payment, seq);
CREATE TRIGGER journal_is_append_only_update BEFORE UPDATE ON journal
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER journal_is_append_only_delete BEFORE DELETE ON journal
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
COMMIT;
PRAGMA user_version = 1;
