"""What becomes of the package: a bare Debian, dpkg, `shroff setup`, the plug pulled, a full disk, an upgrade, removal. Told in
this order, in one guest and on one ledger."""
import concurrent.futures, os, random, shutil, time

from guest import PATIENCE, LabError
from lab import VERSIONS, chapter
from scanners import Acm
from shop import KEY, Shop, check

CUTS = int(os.environ.get("SHROFF_LAB_CUTS", "1"))     # power cuts at random moments
UNANSWERED = 204        # charged, and nobody answers: the terminal cannot know
LATE = 2                # the payer is asked, and pays after 30 s


def dpkg(lab, what, limit=120, check=True, environment=""):
    return lab.guest.sh(f"{environment} DEBIAN_FRONTEND=noninteractive dpkg {what}", limit, check)


def install(lab, version):
    """Unpacks and configures a version of the package; what it says. The guest remembers names: each has one."""
    shutil.copy(lab.packages / f"{version}.deb", lab.guest.folder / "share")
    return dpkg(lab, f"-i /lab/{version}.deb")


def set_up(lab, *more):
    """`shroff setup` with the papers that WeChat Pay's platform hands out; what it says."""
    shop, papers = lab.shop, lab.gateway.papers
    shop.terminal = f"P{next(Shop.opened):03}"      # of its own, and with it its part of the books
    lab.guest.sh("mkdir -p -m 700 /root/papers")
    for name in ("ca.pem", "apiclient_cert.pem", "apiclient_key.pem", "v2.key"):
        lab.guest.put(f"/root/papers/{name}", (papers / name).read_text(), 600)
    return lab.guest.sh(
        f"cd /root/papers && shroff setup --yes --id {shop.terminal} --store-name Lab --mcc 5812 --appid wx8888888888888888 --mch-id 1900000109 "
        f"--base-url https://apihk.mch.weixin.qq.com:{lab.gateway.port} --ca-file ca.pem --v2-key-file v2.key "
        f"--cert-file apiclient_cert.pem --key-file apiclient_key.pem {' '.join(more)}", 120)


def at_work(lab):
    """The package installed and set up, its scanner plugged in."""
    scanner = lab.scanner(Acm, serial="P1")
    scanner.plug()
    if not installed(lab):
        install(lab, VERSIONS[0])
        lab.guest.wait(f"ls {scanner.by_id}")
        set_up(lab)
    lab.shop.is_at("connected")
    return scanner


def installed(lab):
    return "installed" in lab.guest.sh("dpkg-query -W -f '${db:Status-Status}' shroff 2>/dev/null", check=False)


def balances(lab):
    """The gateway's books and the ledger tell the same of every order, and no payment is left open; how many were paid."""
    shop = lab.shop
    for payment in shop.payments():
        if not payment["final"]:
            shop.ends(payment["ref"], None, 120)
    paid = {it["out_trade_no"]: payment["amount"] for payment in shop.payments() if payment["money"] == "taken"
            for it in payment["attempts"] if it["state"] == "paid"}
    charged = {order["out_trade_no"]: order["net"] for order in shop.orders() if order["net"]}
    books = shop.gateway.books()
    check(charged == paid, f"the books say {charged}, the ledger says {paid}")
    check(books["violations"]["counts"] == {} and books["audit"] is None, f"the gateway was misused: {books['violations']}")
    lab.guest.sh("shroff verify")
    return len(paid)


@chapter
def install_and_first_sale(lab):
    """dpkg, `shroff setup`, a sale: installed it does not run, set up it sells through the USB scanner, sandboxed, and its keys
    are root's."""
    guest, shop, began = lab.guest, lab.shop, time.monotonic()
    scanner = lab.scanner(Acm, serial="P1")
    scanner.plug()
    said = install(lab, VERSIONS[0])
    check("sudo shroff setup" in said, f"it does not say what is next: {said}")
    state = guest.sh("systemctl is-active shroff; systemctl is-enabled shroff", check=False).split()
    check(state == ["inactive", "disabled"], f"before it is set up: {state}")
    check(guest.sh("stat -c '%U:%G %a' /etc/shroff/keys").strip() == "root:root 700", "the folder of keys")
    guest.wait(f"ls {scanner.by_id}")               # the rules see what was plugged in before them
    said = set_up(lab)
    check("the terminal runs" in said and KEY not in said, f"setup says {said}")
    shop.is_at("connected")
    first = shop.sells(scanner)
    took = time.monotonic() - began
    check(took < 300 * PATIENCE, f"from package to first sale {took:.0f} s")
    pid = shop.pid()
    denied = guest.sh("setpriv --reuid=shroff --regid=shroff-pos --groups=shroff cat /etc/shroff/keys/v2.key", check=False)
    check("denied" in denied, "the service's user reads the key from disk")
    leaks = guest.sh(f"grep -laF {KEY} /proc/{pid}/environ /proc/{pid}/cmdline /etc/shroff/config.toml; journalctl -u shroff | grep -cF {KEY}",
                     check=False).split()
    check(leaks == ["0"], f"the key stands in {leaks}")
    check(guest.sh("stat -c '%U:%G %a' /run/shroff/api.sock").strip() == "shroff:shroff-pos 660", "the socket")
    for groups, answer in (("--clear-groups", "permission"), ("--groups=shroff-pos", "no refund has this")):
        asked = guest.sh(f"setpriv --reuid=nobody --regid=nogroup {groups} shroff attention --ack nobody", check=False)
        check(answer in asked, f"{groups}: {asked}")
    status = guest.sh("systemctl show -P StatusText shroff").strip()
    check(status == "selling; nothing is open", f"systemctl status: {status}")
    score = guest.sh("systemd-analyze security --no-pager shroff.service").strip().splitlines()[-1]
    check(float(score.split(":")[1].split()[0]) <= 1.3, score)
    wrong = guest.sh("systemd-analyze --man=no verify shroff.service shroff-kiosk@1.service", check=False)
    check("shroff" not in wrong, f"systemd-analyze verify: {wrong}")
    check(balances(lab) == 1, "more than one sale")
    return f"first sale {took:.0f} s after dpkg began, paid after {first:.1f} s; {score.strip('→ ')}"


@chapter
def reload(lab):
    """`systemctl reload` takes a limit over while a payment waits, and refuses what is wrong, visibly, without a restart."""
    guest, shop, scanner = lab.guest, lab.shop, at_work(lab)
    pid, ref = shop.pid(), shop.arm()
    guest.sh("sed -i 's/^id = .*/&\\namount_max = 9000/' /etc/shroff/config.toml && systemctl reload shroff")
    shop.until("refused", lambda: ("amount" in str(shop.ask("POST", "/v1/payments", {"client_ref": "too-much", "amount": 9001}, (409, 422))), None))
    guest.sh("cp /etc/shroff/config.toml /root/good && echo nonsense = 1 >>/etc/shroff/config.toml")
    said = guest.sh("systemctl reload shroff", check=False)
    check("fail" in said, f"a wrong configuration is taken: {said}")
    guest.wait("journalctl -u shroff -n 20 | grep -q nonsense")
    guest.sh("cp /root/good /etc/shroff/config.toml && sed -i 's/^id = .*/id = \"OTHER\"/' /etc/shroff/config.toml && systemctl reload shroff")
    guest.wait("systemctl show -P StatusText shroff | grep -q 'terminal.id can only change with a restart'")
    guest.sh("sed '/^amount_max/d' /root/good >/etc/shroff/config.toml && systemctl reload shroff")
    shop.collects(ref, scanner)
    check(shop.pid() == pid, "it was restarted")
    balances(lab)


@chapter
def secrets(lab):
    """At TRACE, crashed with cores allowed, in /proc, in the ledger's folder and in a support bundle: no key, no token, no
    payment code."""
    guest, shop, scanner = lab.guest, lab.shop, at_work(lab)
    drop = "/etc/systemd/system/shroff.service.d/canary.conf"
    guest.sh(f"mkdir -p {os.path.dirname(drop)} && printf '[Service]\\nLimitCORE=infinity\\nEnvironment=SHROFF_LOG=trace\\n' >{drop}; mkdir -m 777 /cores; "
             "echo /cores/%e.%p >/proc/sys/kernel/core_pattern && systemctl daemon-reload && systemctl restart shroff")
    # A core is possible here: another process of the same user leaves one.
    guest.sh("cd / && setpriv --reuid=shroff --regid=shroff-pos --clear-groups sh -c 'ulimit -c unlimited; kill -ABRT $$'", check=False)
    check("sh." in guest.sh("ls /cores"), "nothing leaves a core here, so that none of ours proves nothing")
    shop.is_at("connected")
    codes, scan = [], scanner.scan
    scanner.scan = lambda code: (codes.append(code), scan(code))
    shop.sells(scanner)
    ref = shop.arm()
    shop.begins(ref, scanner, UNANSWERED)
    secrets = codes + [KEY, guest.sh("cat /etc/shroff/keys/api.token", check=False).strip()]
    secrets += guest.sh("sed -n 3p /etc/shroff/keys/apiclient_key.pem").split()
    secrets = [it for it in secrets if it and " " not in it]
    guest.put("/root/canaries", "\n".join(secrets), 600)
    pid = shop.pid()
    spied = guest.sh(f"setpriv --reuid=shroff --regid=shroff-pos --clear-groups cat /proc/{pid}/environ", check=False)
    check("denied" in spied, "another process of the service's user may look into it")
    seen = guest.sh(f"cat /proc/{pid}/environ /proc/{pid}/cmdline /proc/{pid}/comm | grep -caF -f /root/canaries; "
                    "systemctl show shroff | grep -caF -f /root/canaries", check=False).split()
    check(seen == ["0", "0"], f"in /proc and systemctl show: {seen}")
    guest.sh(f"kill -ABRT {pid}")                   # Rust takes the first SIGSEGV for a stack that overflowed
    guest.wait(f"test $(systemctl show -P MainPID shroff) -ne {pid} && systemctl is-active shroff")
    cores = guest.sh("ls /cores")
    check("shroff" not in cores, f"it left a core: {cores}")
    shop.ends(ref)
    guest.sh("cd /root && shroff support-bundle --output bundle.tar.gz && mkdir bundle && tar -xzf bundle.tar.gz -C bundle", 120)
    check(int(guest.sh("journalctl -u shroff -o cat | grep -c .")) > 20, "the log is empty")
    for what, command in (("journal", "journalctl --all -o export"), ("bundle", "cat $(find /root/bundle -type f)"),
                          ("state", "cat $(find /var/lib/shroff /run/shroff -type f)"), ("console", "dmesg")):
        found = guest.sh(f"{command} | grep -caF -f /root/canaries", check=False).strip()
        check(found == "0", f"{what}: {found} lines with a secret")
    guest.sh(f"rm -r {drop} /cores /root/bundle /root/bundle.tar.gz; systemctl daemon-reload; systemctl restart shroff")
    shop.is_at("connected")
    return f"{len(secrets)} secrets looked for; {balances(lab)} paid"


@chapter
def power_cut(lab):
    """The plug is pulled while nobody knows whether the customer was charged: after the boot the terminal asks, and books and
    ledger agree."""
    shop, scanner = lab.shop, at_work(lab)
    ref = shop.arm()
    shop.begins(ref, scanner, UNANSWERED)
    took = lab.cut_power()
    scanner.plug()
    settled = shop.ends(ref)
    shop.is_at("connected")
    shop.sells(scanner)
    return f"up again after {took:.0f} s, settled {settled:.0f} s later; {balances(lab)} paid"


@chapter
def power_cuts(lab):
    """The plug is pulled at random moments of sales, as often as SHROFF_LAB_CUTS says: nothing is lost and nothing double."""
    shop, seed = lab.shop, os.environ.get("SHROFF_LAB_SEED", str(time.time_ns() % 10 ** 6))
    dice, scanner = random.Random(seed), at_work(lab)
    for _ in range(CUTS):
        scenario, wait = dice.choice([0, 0, 1, 4, 9, 101, UNANSWERED]), dice.expovariate(1)
        before = len(shop.payments())
        with concurrent.futures.ThreadPoolExecutor(1) as others:
            # The till is at it while the plug is pulled; what was not accepted any more never was.
            ref = shop.arm()
            sale = others.submit(scanner.scan, shop.code(scenario))
            time.sleep(min(wait, 6))                # the moment is the dice's, and no event
            try:
                sale.result(20 * PATIENCE)
            except LabError:
                pass
        lab.cut_power()
        scanner.plug()
        shop.is_at("connected")
        check(len(shop.payments()) == before + 1, f"an accepted payment is gone (seed {seed})")
        shop.until("final", lambda ref=ref: ((payment := shop.payment(ref))["final"], payment), 120)
    return f"{CUTS} cuts, seed {seed}; {balances(lab)} paid"


@chapter
def full_disk(lab):
    """With no room left it says that it is out of order and sells nothing more; with room again it comes back by itself."""
    guest, shop, scanner = lab.guest, lab.shop, at_work(lab)
    guest.sh("sync; fallocate -l $(df --output=avail -B1 /var/lib/shroff | tail -1) /var/lib/shroff/ballast")
    began, taken = time.monotonic(), 0
    try:
        while taken < 5000 and time.monotonic() - began < 60 * PATIENCE:
            ref = shop.ask("POST", "/v1/payments", {"client_ref": f"full-{taken}", "amount": 100, "attach": "x" * 100}, (201,))["ref"]
            taken += 1
            shop.ask("POST", f"/v1/payments/{ref}/cancel", {}, (200,))
        raise AssertionError
    except LabError as error:
        refused = str(error)
    except AssertionError:
        raise LabError(f"{taken} payments fit on a full disk") from None
    guest.wait("journalctl -u shroff -n 30 -o cat | grep -q 'disk of the ledger is full'", 30)
    guest.sh("rm /var/lib/shroff/ballast")
    back = shop.until("back", lambda: ((ready := shop.ask("GET", "/readyz", expect=(200, 503)))["status"] == "ready", ready), 60)
    shop.is_at("connected")
    for payment in shop.payments():
        if payment["state"] == "armed":
            shop.ask("POST", f"/v1/payments/{payment['ref']}/cancel", {}, (200, 202, 409))
    shop.sells(scanner)
    return f"{taken} payments until it was full ({refused[:60]}), back {back:.1f} s after there was room; {balances(lab)} paid"


@chapter
def upgrade(lab):
    """A new version comes while nobody knows whether the customer was charged: it asks, the answer is in, nothing was prompted,
    and the shop's configuration is the shop's."""
    guest, shop, scanner = lab.guest, lab.shop, at_work(lab)
    config, pid, ref = guest.sh("sha256sum /etc/shroff/config.toml /etc/shroff/keys/*"), shop.pid(), shop.arm()
    shop.begins(ref, scanner, UNANSWERED)
    began = time.monotonic()
    said = install(lab, VERSIONS[1])
    took = time.monotonic() - began
    check("does not start" not in said and shop.pid() != pid, f"not restarted: {said}")
    settled = shop.ends(ref)
    check(guest.sh("dpkg-query -W -f '${Version}' shroff").strip() == VERSIONS[1], "the version")
    check(guest.sh("sha256sum /etc/shroff/config.toml /etc/shroff/keys/*") == config, "the configuration was touched")
    shop.is_at("connected")
    shop.sells(scanner)
    return f"dpkg took {took:.0f} s, settled {settled:.0f} s later; {balances(lab)} paid"


@chapter
def stops_in_time(lab):
    """SIGTERM: no payment is begun any more, a pay on the wire has its 8 s, and it is gone within 10."""
    guest, shop, scanner = lab.guest, lab.shop, at_work(lab)
    ref = shop.arm()
    shop.begins(ref, scanner, UNANSWERED)
    # Of the daemon alone: who clears the displays after it, and a guest's own slowness, are not its time.
    began, ended = guest.sh("cut -d' ' -f1 /proc/uptime; systemctl stop shroff; systemctl show -P ExecMainExitTimestampMonotonic shroff").split()
    took = int(ended) / 1e6 - float(began)
    check(took < 10 * PATIENCE, f"it took {took:.1f} s")
    result = guest.sh("systemctl show -P Result shroff").strip()
    check(result == "success", f"it was killed: {result}")
    guest.sh("systemctl start shroff")
    shop.ends(ref)
    return f"{took:.1f} s; {balances(lab)} paid"


@chapter
def remove(lab):
    """It refuses to go while a payment is open, in a crash loop too; then it goes. Installed again the till sells; without a
    configuration it goes only when nothing is open; and the ledger stays, even when it is purged."""
    guest, shop, scanner = lab.guest, lab.shop, at_work(lab)
    page = "shroff-kiosk@1"
    guest.sh("mkdir -p /etc/systemd/system/shroff-kiosk@.service.d && printf '[Service]\\nExecStart=\\nExecStart=/bin/sleep infinity\\nUser=root\\n"
             "PAMName=\\nTTYPath=\\nStandardInput=null\\n' >/etc/systemd/system/shroff-kiosk@.service.d/lab.conf; "
             f"systemctl daemon-reload; systemctl enable --now {page}")
    ref = shop.arm()
    shop.begins(ref, scanner, LATE)
    said = dpkg(lab, "-r shroff", check=False)
    check(ref in said and "something is still open" in said, f"it went with an open payment: {said}")
    check(guest.sh(f"systemctl is-active shroff {page}").split() == ["active"] * 2 and installed(lab), "it did not stay")
    # A start that always fails: between two of them the unit is not active, and its payment is open all the same.
    drop = "/run/systemd/system/shroff.service.d/loop.conf"
    guest.sh(f"mkdir -p {os.path.dirname(drop)} && printf '[Service]\\nExecStartPre=/bin/false\\n' >{drop} && systemctl daemon-reload; systemctl restart shroff",
             check=False)
    guest.wait("systemctl show -P ActiveState shroff | grep -qx activating")
    said = dpkg(lab, "-r shroff", check=False)
    check("something is still open" in said or "nothing is open" in said, f"in a crash loop: {said}")
    guest.sh(f"rm {drop} && systemctl daemon-reload")
    if installed(lab):
        guest.wait("systemctl is-active shroff")    # by itself: it was left in its loop
    else:
        said = install(lab, VERSIONS[1])
    # Whether the payer or the terminal was faster, whom the attempt had restarted: either way it ends, and the books agree.
    shop.ends(ref, None, 90)
    paid = balances(lab)
    dpkg(lab, "-r shroff")
    gone = guest.sh("systemctl is-active shroff; ls /usr/bin/shroff /usr/lib/systemd/system/shroff.service", check=False)
    check("inactive" in gone and "cannot access '/usr/bin/shroff'" in gone, f"after the removal: {gone}")
    check("inactive" in guest.sh(f"systemctl is-active {page}", check=False), "the page outlives its package")
    said = install(lab, VERSIONS[1])
    guest.wait(f"systemctl is-active shroff {page}")
    check("not started" not in said, f"installed again: {said}")
    shop.is_at("connected")
    shop.sells(scanner)
    paid = balances(lab)
    guest.sh("mv /etc/shroff/config.toml /root/config.toml && mv /var/lib/shroff/ledger.sqlite /root/ && echo rubbish >/var/lib/shroff/ledger.sqlite")
    said = dpkg(lab, "-r shroff", check=False)
    check(installed(lab) and "sudo shroff config check" in said and "still open" not in said, f"without a configuration: {said}")
    guest.sh("systemctl stop shroff; mv /root/ledger.sqlite /var/lib/shroff/")
    dpkg(lab, "-r shroff")
    guest.sh(f"mv /root/config.toml /etc/shroff/; rm -r /etc/systemd/system/shroff-kiosk@.service.d; systemctl daemon-reload")
    check(guest.sh("ls /etc/shroff/config.toml /etc/shroff/keys/v2.key /var/lib/shroff/ledger.sqlite").count("\n") >= 2, "the shop's files")
    dpkg(lab, "-P shroff")
    left = guest.sh("ls -d /etc/shroff /var/lib/shroff/ledger.sqlite", check=False)
    check("cannot access '/etc/shroff'" in left and "/var/lib/shroff/ledger.sqlite" in left.splitlines(), f"after the purge: {left}")
    return f"{paid} paid"
