"""Compares statement.csv with ledger.csv in DuckDB: the same differences, by SQL. Usage: FOLDER THREADS [MEMORY]."""
import os
import resource
import sys
import time

import duckdb

folder, threads = sys.argv[1], sys.argv[2]
began = time.perf_counter()
db = duckdb.connect()
db.execute(f"SET threads = {threads}")
db.execute("SET preserve_insertion_order = false")
if len(sys.argv) > 3:
    db.execute(f"SET memory_limit = '{sys.argv[3]}'")
    db.execute(f"SET temp_directory = '{folder}/duckdb'")
with open(f"{folder}/statement.csv", encoding="utf-8-sig") as file:
    names = file.readline().strip().split(",")
at = {name: f"c{place}" for place, name in enumerate(names)}
columns = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(len(names)))
paid = f"{at['交易状态']} = '`SUCCESS'"
there = f"""
    SELECT CASE WHEN {paid} THEN 'P' ELSE 'R' END AS kind, substr({at['商户订单号']}, 2) AS no,
        CASE WHEN {paid} THEN '' ELSE substr({at['商户退款单号']}, 2) END AS refund,
        substr({at['微信订单号']}, 2) AS tx,
        CAST(CAST(substr(CASE WHEN {paid} THEN {at['订单金额']} ELSE {at['申请退款金额']} END, 2) AS DECIMAL(18, 2)) * 100
            AS BIGINT) AS amount,
        substr({at['货币种类']}, 2) AS currency, substr({at['交易时间']}, 2, 10) AS d
    FROM read_csv('{folder}/statement.csv', delim = ',', quote = '', escape = '', header = true, auto_detect = false,
        columns = {{{columns}}}, null_padding = true, ignore_errors = true, strict_mode = false)
    WHERE c1 LIKE '`wx%'"""
here = f"""
    SELECT kind, out_trade_no AS no, coalesce(out_refund_no, '') AS refund, transaction_id AS tx, amount, currency,
        substr("at", 1, 10) AS d
    FROM read_csv('{folder}/ledger.csv', delim = ',', quote = '', header = true, auto_detect = false, columns = {{
        'kind': 'VARCHAR', 'out_trade_no': 'VARCHAR', 'out_refund_no': 'VARCHAR', 'transaction_id': 'VARCHAR',
        'amount': 'BIGINT', 'currency': 'VARCHAR', 'at': 'VARCHAR', 'terminal': 'VARCHAR', 'reference': 'VARCHAR'}})"""
rows = db.execute(f"""
    WITH s AS ({there}), l AS ({here})
    SELECT CASE WHEN l.no IS NULL THEN 'only_there' WHEN s.no IS NULL THEN 'only_here' ELSE 'other_amount' END,
        coalesce(s.no, l.no), coalesce(s.refund, l.refund), s.amount, l.amount, s.tx, l.tx
    FROM s FULL OUTER JOIN l ON s.kind = l.kind AND s.no = l.no AND s.refund = l.refund
    WHERE l.no IS NULL OR s.no IS NULL OR s.amount <> l.amount OR s.currency <> l.currency OR s.d <> l.d
        OR (s.kind = 'P' AND s.tx <> l.tx)""").fetchall()
took = time.perf_counter() - began
found = {kind: [0, 0] for kind in ("other_amount", "only_there", "only_here")}
for row in rows:
    found[row[0]][0] += 1
    found[row[0]][1] += abs((row[3] or 0) - (row[4] or 0))
answer = " ".join(f"{kind}={count}:{total}" for kind, (count, total) in found.items())
print(f"{answer} ms={took * 1000:.0f} kib={resource.getrusage(resource.RUSAGE_SELF).ru_maxrss} v={duckdb.__version__}")
os._exit(0)
