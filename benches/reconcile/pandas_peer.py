"""The same with pandas, as a back office would write it. Usage: FOLDER THREADS (which pandas has no use for)."""
import os
import resource
import sys
import time

import pandas as pd

folder = sys.argv[1]
began = time.perf_counter()
names = ["交易时间", "微信订单号", "商户订单号", "交易状态", "货币种类", "商户退款单号", "订单金额", "申请退款金额"]
there = pd.read_csv(f"{folder}/statement.csv", encoding="utf-8-sig", usecols=names, dtype=str, quoting=3)
there = there[there["交易状态"].isin(["`SUCCESS", "`REFUND"])]
for name in names:
    there[name] = there[name].str[1:]
paid = there["交易状态"] == "SUCCESS"
cents = there["订单金额"].where(paid, there["申请退款金额"]).str.replace(".", "", regex=False).astype("int64")
s = pd.DataFrame({
    "kind": paid.map({True: "P", False: "R"}), "no": there["商户订单号"],
    "refund": there["商户退款单号"].where(~paid, ""), "tx": there["微信订单号"], "amount": cents,
    "currency": there["货币种类"], "day": there["交易时间"].str[:10],
})
here = pd.read_csv(f"{folder}/ledger.csv", dtype={"amount": "int64"}, keep_default_na=False)
l = pd.DataFrame({
    "kind": here["kind"], "no": here["out_trade_no"], "refund": here["out_refund_no"], "tx": here["transaction_id"],
    "amount": here["amount"], "currency": here["currency"], "day": here["at"].str[:10],
})
both = s.merge(l, on=["kind", "no", "refund"], how="outer", suffixes=("_s", "_l"), indicator=True)
only_there, only_here = both[both["_merge"] == "left_only"], both[both["_merge"] == "right_only"]
pairs = both[both["_merge"] == "both"]
other = pairs[(pairs["amount_s"] != pairs["amount_l"]) | (pairs["currency_s"] != pairs["currency_l"])
              | (pairs["day_s"] != pairs["day_l"]) | ((pairs["kind"] == "P") & (pairs["tx_s"] != pairs["tx_l"]))]
found = {
    "other_amount": (len(other), int((other["amount_s"] - other["amount_l"]).abs().sum())),
    "only_there": (len(only_there), int(only_there["amount_s"].sum())),
    "only_here": (len(only_here), int(only_here["amount_l"].sum())),
}
took = time.perf_counter() - began
answer = " ".join(f"{kind}={count}:{total}" for kind, (count, total) in found.items())
print(f"{answer} ms={took * 1000:.0f} kib={resource.getrusage(resource.RUSAGE_SELF).ru_maxrss} v={pd.__version__}")
os._exit(0)
