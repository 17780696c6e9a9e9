"""A shop in the guest: the daemon as systemd runs it, a simulated gateway on the host with books of its own."""
import itertools, json, re, subprocess, time, urllib.error, urllib.request

from guest import PATIENCE, LabError

KEY = "192006250b4c09247ec02edce69f6a2d"
CONFIG = """
[terminal]
id = "{terminal}"
store_name = "Lab"
currency = "HKD"
mcc = "5812"
[gateway]
base_url = "https://apihk.mch.weixin.qq.com:{gateway}"
ca_file = "/etc/shroff/ca.pem"
appid = "wx8888888888888888"
mch_id = "1900000109"
[gateway.v2]
key_file = "keys/v2.key"
client_cert_file = "apiclient_cert.pem"
client_key_file = "keys/apiclient_key.pem"
"""


class Gateway:
    """`shroff-sim gateway`, with its papers in `folder`."""

    def __init__(self, program, folder):
        folder.mkdir(mode=0o700)
        self.papers = folder
        self.process = subprocess.Popen([program, "gateway", "--tls", "--key", KEY, "--dir", folder], stdout=subprocess.PIPE)
        line = self.process.stdout.readline()
        if not line:
            raise LabError("the gateway did not start")
        ready = json.loads(line)
        self.http, self.port = ready["http"], int(ready["https"].rpartition(":")[2])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def books(self):
        with urllib.request.urlopen(f"{self.http}/_sim/books", timeout=20) as answer:
            return json.load(answer)


class Shop:
    """What a story sells with. Each story has a terminal and a ledger of its own, and with them its part of the books."""
    opened, codes = itertools.count(1), itertools.count(1)

    def __init__(self, guest, gateway):
        self.guest, self.gateway, self.sales = guest, gateway, 0
        self.repeated = 0

    @staticmethod
    def config(gateway, scanners, more=""):
        """A configuration: each scanner with its lane and the name it goes by."""
        terminal = f"L{next(Shop.opened):03}"
        lanes = "".join(f'[[lane]]\nid = "{lane}"\n' for lane in sorted({lane for _, lane, _ in scanners}) or ["1"])
        return terminal, CONFIG.format(terminal=terminal, gateway=gateway.port) + lanes + "".join(
            f'[[scanner]]\nlane = "{lane}"\nkind = "{scanner.kind}"\ndevice = "{name}"\n' for scanner, lane, name in scanners) + more

    def open(self, *scanners, more=""):
        """Starts the daemon on an empty ledger. A scanner is (scanner, lane, name)."""
        self.terminal, config = self.config(self.gateway, scanners, more)
        self.guest.sh("systemctl stop shroff; rm -rf /var/lib/shroff/*")
        self.guest.put("/etc/shroff/config.toml", config)
        self.guest.sh("systemctl start shroff")

    # -- the API --------------------------------------------------------------------------------------------------------

    def ask(self, method, path, body=None, expect=(200,), limit=30, raw=False):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.guest.api}{path}", method=method, data=json.dumps(body).encode() if body is not None else None,
            headers={"Content-Type": "application/json", "Connection": "close"})
        try:
            with urllib.request.urlopen(request, timeout=limit * PATIENCE) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read()
        except OSError as error:
            raise LabError(f"{method} {path}: {error}") from error
        if status not in expect:
            raise LabError(f"{method} {path}: {status} {text[:600]!r}")
        return text.decode() if raw else json.loads(text or "null")

    def until(self, what, true, limit=10):
        """Until `true` of the shop; how long it took. What it last saw is told when it never comes."""
        began, seen = time.monotonic(), None
        while True:
            try:
                done, seen = true()
            except LabError as error:
                done, seen = False, str(error)
            took = time.monotonic() - began
            if done:
                return took
            if took > limit * PATIENCE:
                raise LabError(f"not {what} within {limit * PATIENCE:.0f} s: {seen}")
            time.sleep(0.03)

    def device(self, index=0):
        return self.ask("GET", "/v1/devices")["devices"][index]

    def dropped(self):
        """Scans of scanners gone mad that were thrown away."""
        counted = re.search(r'^shroff_scans_total{verdict="flood"} (\d+)$', self.ask("GET", "/metrics", raw=True), re.M)
        return int(counted[1]) if counted else 0

    def is_at(self, state, index=0):
        """Until a scanner is connected, gone and so on."""
        def look():
            device = self.device(index)
            return device["state"] == state, device
        return self.until(state, look)

    def counts(self, scans, index=0):
        """Until so many scans were read."""
        def look():
            device = self.device(index)
            return device["scans"] >= scans, device
        return self.until(f"at {scans} scans", look)

    # -- money ----------------------------------------------------------------------------------------------------------

    @classmethod
    def code(cls, scenario=0):
        """A payment code nobody has seen; 0: of a customer who pays at once, others: `shroff-sim gateway --help`."""
        return f"13{scenario:04}{next(cls.codes) * 387_420_489_127 % 10 ** 12:012}"

    def arm(self, lane="1", amount=8800):
        self.sales += 1
        body = {"client_ref": f"{self.terminal}-{self.sales}", "amount": amount, "lane": lane, "deadline_s": 600}
        return self.ask("POST", "/v1/payments", body, expect=(201,))["ref"]

    def pays(self, amount=8800):
        """A payment whose code the POS read itself, until it is paid."""
        self.sales += 1
        body = {"client_ref": f"{self.terminal}-{self.sales}", "amount": amount, "auth_code": self.code()}
        ref = self.ask("POST", "/v1/payments", body, expect=(201,))["ref"]
        self.until("paid", lambda: ((payment := self.payment(ref))["state"] == "paid", payment), 20)

    def payments(self):
        page, found = self.ask("GET", "/v1/payments?limit=100"), []
        while True:
            found += page["payments"]
            if not page.get("next_before"):
                return found
            page = self.ask("GET", f"/v1/payments?limit=100&before={page['next_before']}")

    def payment(self, ref):
        return self.ask("GET", f"/v1/payments/{ref}")

    def begins(self, ref, scanner, scenario):
        """Until a scan was taken and the gateway has its pay, whatever comes of it: what never left ends otherwise."""
        before = len(self.orders())
        self.again(lambda: scanner.scan(self.code(scenario)), lambda: self.payment(ref)["state"] != "armed")
        self.until("at the gateway", lambda: (len(self.orders()) > before, None), 10)

    def ends(self, ref, state="paid", limit=60):
        """Until a payment is final, as `state`; how long it took."""
        took = self.until("final", lambda: ((payment := self.payment(ref))["final"], payment), limit)
        check(state in ((payment := self.payment(ref))["state"], None), f"not {state}: {payment}")
        return took

    def collects(self, ref, scanner):
        """Until a payment is paid with what is scanned now, and with no other code; how long it took."""
        began, codes = time.monotonic(), []

        def scan():
            codes.append(self.code())
            scanner.scan(codes[-1])
        self.again(scan, lambda: self.payment(ref)["state"] != "armed")
        self.until("final", lambda: ((payment := self.payment(ref))["final"], payment), 20)
        payment = self.payment(ref)
        hints = [attempt["code_hint"] for attempt in payment["attempts"]]
        good = (payment["state"], payment["money"]) == ("paid", "taken") and len(hints) == 1 and hints[0] in [code[-4:] for code in codes]
        check(good, f"not paid with one of {codes}: {payment}")
        return time.monotonic() - began

    def sells(self, scanner, lane="1"):
        """Asks, scans, is paid; the seconds it took."""
        began = time.monotonic()
        self.collects(self.arm(lane), scanner)
        return time.monotonic() - began

    def fence(self, scanner, index=0):
        """Scans a product until something is read: what was scanned before has been read by then, or was thrown away."""
        before = self.device(index)["scans"]
        self.again(lambda: scanner.scan("6901234567892"), lambda: self.device(index)["scans"] > before)

    def again(self, scan, done):
        """As a cashier does: a scan that nothing comes of is repeated. A reader that this machine kept waiting for a second
        throws away what may be old, and a keyboard's code with a pause of 100 ms in it is none. More than two in one story
        are no accident."""
        while True:
            scan()
            try:
                return self.until("taken", lambda: (done(), None), 4)
            except LabError:
                self.repeated += 1
                if self.repeated > 2:
                    raise

    def orders(self):
        return [it for it in self.gateway.books()["orders"] if it["out_trade_no"].startswith(self.terminal)]

    def agrees(self, sales):
        """Books and ledger tell the same: so many sales, and nothing else was ever charged or asked for."""
        books, payments = self.gateway.books(), self.payments()
        paid = {attempt["out_trade_no"]: payment["amount"] for payment in payments if payment["state"] == "paid"
                for attempt in payment["attempts"]}
        charged = {order["out_trade_no"]: order["net"] for order in self.orders()}
        check(charged == paid and len(paid) == sales, f"{sales} sales, the books say {charged}, the ledger says {paid}")
        check(books["violations"]["counts"] == {} and books["audit"] is None, f"the gateway was misused: {books['violations']}")

    # -- the process ----------------------------------------------------------------------------------------------------

    def pid(self):
        return self.guest.sh("systemctl show -P MainPID shroff").strip()

    def log(self, lines=40):
        return self.guest.sh(f"journalctl -u shroff -o short-monotonic --no-pager -n {lines}", check=False)


def check(true, why):
    if not true:
        raise LabError(why)
