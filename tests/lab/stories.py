"""The lab's stories. Each is told alone, on a ledger of its own; its first line of documentation is its claim."""
import concurrent.futures, fnmatch, functools, json, os, pathlib, shutil, signal, socket, subprocess, sys, tempfile, time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
from guest import PATIENCE, Guest, LabError
from scanners import Acm, Ftdi, Honeywell, Keyboard, Newland, Wedge
from shop import KEY, Gateway, Shop, check

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
STORIES = {}


class Lab:
    """The guest and its shop, and the scanners of the story that is told. A story that fails spoils the guest: the next one
    gets a new one."""

    def __init__(self, image, programs, folder):
        self.image, self.programs, self.folder, self.guest = image, programs, pathlib.Path(folder), None

    def __enter__(self):
        self.gateway = Gateway(self.programs / "shroff-sim", self.folder / "papers")
        return self

    def __exit__(self, *_):
        self.forget()
        self.gateway.__exit__()

    def tell(self, story):
        """What the story has to say; raises when its claim does not hold."""
        self.scanners = []
        try:
            self.shop = Shop(self.guest, self.gateway)
            note = story(self)
            for scanner in self.scanners:
                scanner.discard()
            return note
        except BaseException:
            self.last_words = self.say(lambda: self.shop.log()) + self.say(lambda: self.guest.sh("find /dev/shroff -type l -ls", check=False))
            self.forget()
            raise

    def boot(self):
        install = self.folder / "install"
        if not install.exists():
            self.fill(install)
        with socket.create_server(("127.0.0.1", 0)) as free:
            api = free.getsockname()[1]
        self.guest = Guest(self.image, install, api, self.gateway.port).__enter__()
        self.guest.wait("systemctl is-system-running | grep -qx running", 60)
        self.guest.sh("systemctl start lab-api.socket")
        print(f"           the guest is up after {time.monotonic() - self.guest.born:.1f} s", flush=True)

    def fresh(self):
        """A guest nothing was ever plugged into, with the daemon it booted with."""
        if Shop.opened > 1:
            self.forget()
            self.boot()
            self.shop.guest = self.guest

    def fill(self, install):
        """What a package would install, and what the merchant adds."""
        shutil.copytree(HERE / "guest/overlay", install, symlinks=True)
        papers = self.folder / "papers"

        def put(source, to, mode=0o644):
            to = install / to
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, to)
            to.chmod(mode)
        put(self.programs / "shroff", "usr/bin/shroff", 0o755)
        put(ROOT / "udev/70-shroff.rules", "usr/lib/udev/rules.d/70-shroff.rules")
        put(ROOT / "udev/shroff-modules.conf", "usr/lib/modules-load.d/shroff.conf")
        if os.environ.get("SHROFF_LAB_HID_ID") == "stand-in":
            put(HERE / "guest/hid-id-stand-in", "usr/lib/shroff/shroff-hid-id", 0o755)
        else:
            (install / "usr/lib/shroff").mkdir()
            (install / "usr/lib/shroff/shroff-hid-id").symlink_to("/usr/bin/shroff")
        for name in ("ca.pem", "apiclient_cert.pem", "apiclient_key.pem"):
            put(papers / name, f"etc/shroff/{name}", 0o600 if "key" in name else 0o644)
        (papers / "v2.key").write_text(KEY)
        put(papers / "v2.key", "etc/shroff/v2.key", 0o600)
        # A daemon that starts at boot, when nothing has been plugged in yet, and waits for one scanner of each kind.
        scanners = [(Kind(None, Kind.__name__, port, "BOOT"), str(port), None) for port, Kind in enumerate(KINDS)]
        (install / "etc/shroff/config.toml").write_text(Shop.config(self.gateway, [(it, lane, it.by_id) for it, lane, _ in scanners])[1])
        wants = install / "etc/systemd/system/multi-user.target.wants"
        wants.mkdir()
        (wants / "shroff.service").symlink_to("../shroff.service")

    def forget(self):
        if self.guest is not None:
            self.guest.__exit__()
            self.guest = None

    @staticmethod
    def say(words):
        try:
            return words()
        except Exception as error:          # the guest may be why the story failed
            return f"({error})\n"

    def scanner(self, Kind, port=0, serial=None):
        """A scanner of this story, not plugged in yet."""
        scanner = Kind(self.guest, f"{Kind.__name__.lower()}{len(self.scanners)}", port, serial)
        self.scanners.append(scanner)
        return scanner


KINDS = [Honeywell, Newland, Wedge, Acm, Ftdi]


def story(*kinds):
    """Puts a story on the list; with kinds, once for each."""
    def put(tell):
        name = tell.__name__.replace("_", "-")
        for kind in kinds:
            told = functools.partial(tell, Kind=kind)
            told.__doc__ = tell.__doc__
            STORIES[f"{kind.__name__.lower()}/{name}"] = told
        if not kinds:
            STORIES[f"terminal/{name}"] = tell
        return tell
    return put


@story(*KINDS)
def sale(lab, Kind):
    """Plugged in it is read, unplugged it is missed, and only a payment that waits takes its scans."""
    shop, scanner = lab.shop, lab.scanner(Kind, serial="S1")
    shop.open((scanner, "1", scanner.by_id))
    shop.is_at("gone")
    began = time.monotonic()
    scanner.plug()
    shop.is_at("connected")
    seen = time.monotonic() - began
    scanner.scan(shop.code())
    shop.counts(1)                                  # it was read, and nobody wanted it
    check(shop.orders() == [], "a scan was charged that no payment waited for")
    first = shop.sells(scanner)
    began = time.monotonic()
    scanner.unplug()
    shop.is_at("gone")
    missed = time.monotonic() - began
    check(shop.ask("GET", "/readyz")["status"] == "degraded", "ready without a scanner")
    began = time.monotonic()
    scanner.plug()
    shop.is_at("connected")
    again = time.monotonic() - began
    second = shop.sells(scanner)
    check(shop.ask("GET", "/readyz")["status"] == "ready", "not ready with its scanner back")
    shop.agrees(sales=2)
    return f"connected after {seen:.1f} and {again:.1f} s, gone after {missed:.1f} s, paid after {first:.1f} and {second:.1f} s"


@story(*KINDS)
def torn(lab, Kind):
    """Half a code, the cable out and in again, the other half: no code."""
    shop, scanner = lab.shop, lab.scanner(Kind, serial="S1")
    shop.open((scanner, "1", scanner.by_id))
    scanner.plug()
    shop.is_at("connected")
    ref, code, good = shop.arm(), shop.code(), shop.code()
    scanner.send(scanner.beginning(code[:9]))
    time.sleep(0.2)                                 # half a code is no event that could be waited for
    scanner.unplug()
    shop.is_at("gone")
    scanner.plug()
    shop.is_at("connected")
    scanner.send(scanner.end(code[9:]))
    shop.counts(1)
    payment = shop.payment(ref)
    check(payment["state"] == "armed" and payment["attempts"] == [], f"half a code was taken: {payment}")
    scanner.scan(good)
    shop.paid(ref, good)
    shop.agrees(sales=1)


@story(*KINDS)
def stalled(lab, Kind):
    """What was scanned while the daemon hung is not charged, though a payment waits when it wakes."""
    shop, scanner = lab.shop, lab.scanner(Kind, serial="S1")
    shop.open((scanner, "1", scanner.by_id))
    scanner.plug()
    shop.is_at("connected")
    pid = shop.pid()
    lab.guest.sh(f"kill -STOP {pid}")
    for _ in range(3):
        scanner.scan(shop.code())
    with concurrent.futures.ThreadPoolExecutor(1) as others:
        asked = others.submit(shop.arm)             # the request waits for the daemon as the scans do
        lab.guest.sh(f"sleep 2; kill -CONT {pid}")
        ref = asked.result()
    good = shop.code()
    scanner.scan(good)
    shop.paid(ref, good)
    shop.agrees(sales=1)
    check(shop.pid() == pid, "the daemon did not outlive two seconds")


@story(Honeywell, Wedge, Acm)
def twins(lab, Kind):
    """Two of a kind are told apart by their serial numbers, at whatever port and in whatever order."""
    shop, one, two = lab.shop, lab.scanner(Kind, 0, "T1"), lab.scanner(Kind, 1, "T2")
    names = one.by_id, two.by_id
    shop.open((one, "1", names[0]), (two, "2", names[1]))
    pair(lab, one, two, names, swap=True)
    shop.agrees(sales=4)


@story(Honeywell, Wedge, Acm)
def twins_without_numbers(lab, Kind):
    """Two of a kind without serial numbers are told apart by their ports."""
    shop, one, two = lab.shop, lab.scanner(Kind, 0), lab.scanner(Kind, 1)
    names = one.by_path, two.by_path
    shop.open((one, "1", names[0]), (two, "2", names[1]))
    pair(lab, one, two, names, swap=False)
    shop.agrees(sales=4)


def pair(lab, one, two, names, swap):
    """Sells on both lanes, and again with the kernel's names, and perhaps the ports, the other way round."""
    shop, nodes = lab.shop, []
    for first, second in ((one, two), (two, one)):
        first.plug()
        lab.guest.wait(f"ls /dev/shroff/{first.link}-*")
        second.plug()
        shop.is_at("connected", 0), shop.is_at("connected", 1)
        nodes.append([lab.guest.sh(f"readlink -e {name}").strip() for name in names])
        check(swap or not lab.guest.sh("ls /dev/shroff/by-id 2>/dev/null", check=False).strip(), "a name by a serial number that is not there")
        refs, codes = [shop.arm("1"), shop.arm("2")], [shop.code(), shop.code()]
        two.scan(codes[1])
        shop.paid(refs[1], codes[1])
        check(shop.payment(refs[0])["state"] == "armed", "the other lane took it")
        one.scan(codes[0])
        shop.paid(refs[0], codes[0])
        one.unplug(), two.unplug()
        shop.is_at("gone", 0), shop.is_at("gone", 1)
        if swap:
            one.port, two.port = two.port, one.port
    check(nodes[0] == nodes[1][::-1], f"the kernel's names were to change places, but {nodes}")


@story(Honeywell, Wedge, Acm)
def flood(lab, Kind):
    """A scanner gone mad on one lane does not hold up a sale on another."""
    shop, mad, calm = lab.shop, lab.scanner(Kind, 0, "MAD"), lab.scanner(Acm, 1, "CALM")
    shop.open((mad, "1", mad.by_id), (calm, "2", calm.by_id))
    mad.plug(), calm.plug()
    shop.is_at("connected", 0), shop.is_at("connected", 1)
    quiet = max(shop.sells(calm, "2") for _ in range(5))
    mad.send(b"".join(mad.whole(shop.code()) for _ in range(FLOOD)), background=True)
    shop.counts(1)
    began, before = time.monotonic(), shop.device(0)["scans"]
    shop.busy = 0
    slowest = max(shop.sells(calm, "2") for _ in range(5))
    after, took = shop.device(0)["scans"], time.monotonic() - began
    check(before < after < FLOOD, f"{after} scans: the flood was over before the sales were")
    check(slowest < 5 * PATIENCE, f"a sale took {slowest:.1f} s")
    shop.agrees(sales=10)
    return f"{(after - before) / took:.0f} scans a second on one lane, paid after {slowest:.2f} s on the other ({quiet:.2f} s in peace), busy {shop.busy} times"


@story()
def boots_before_its_scanners(lab):
    """A daemon that started before anything was plugged in reads every kind, as a user without rights, and outlives them all."""
    lab.fresh()
    shop, guest = lab.shop, lab.guest
    loaded = {line.split()[1] for line in guest.sh("cat /proc/devices").splitlines() if len(line.split()) == 2}
    check({"hidraw", "input", "ttyACM", "ttyUSB"} <= loaded, f"modules-load.d/shroff.conf left out a class: {loaded}")
    scanners = [lab.scanner(Kind, port, "BOOT") for port, Kind in enumerate(KINDS)]
    check([shop.device(at)["state"] for at, _ in enumerate(scanners)] == ["gone"] * len(scanners), "there is something already")
    pid = shop.pid()
    for at, scanner in enumerate(scanners):
        scanner.plug()
        shop.is_at("connected", at)
    user = guest.sh(f"stat -c %U:%G /proc/{pid}").strip()
    terminal = guest.sh(f"cut -d' ' -f7 /proc/{pid}/stat").strip()
    check((user, terminal) == ("shroff:shroff", "0"), f"runs as {user}, with controlling terminal {terminal}")
    for at, scanner in enumerate(scanners):
        scanner.unplug()
        shop.is_at("gone", at)
    check(shop.pid() == pid and guest.sh("systemctl show -P NRestarts shroff").strip() == "0", "the daemon went with its scanners")


@story()
def rules(lab):
    """Each kind gets group, mode, names and properties; a keyboard, and what a scanner types, is read by nobody else."""
    guest, owner = lab.guest, lambda node: guest.sh(f"stat -Lc '%U:%G %a' {node}").strip()
    note = "udevadm verify finds nothing"
    if "verify" in guest.sh("udevadm --help"):
        guest.sh("udevadm verify --resolve-names=early /usr/lib/udev/rules.d/70-shroff.rules")
    else:
        note = "SKIPPED udevadm verify, which this release does not have"
    for port, Kind in enumerate(KINDS):
        scanner = lab.scanner(Kind, port, "R1")
        scanner.plug()
        node = guest.wait(f"readlink -e {scanner.by_id}")
        guest.sh("udevadm settle")
        names = [scanner.by_path, f"/dev/shroff/{scanner.link}-{node.rpartition('/')[2]}"]
        seen = [guest.sh(f"readlink -e {name}", check=False).strip() for name in names]
        check(seen == [node, node], f"{names} lead to {seen} and not to {node}")
        check(owner(node) == "root:shroff 660", f"{node} is {owner(node)}")
        tried = guest.sh(f"udevadm test $(udevadm info -q path {node})")
        wrong = [line for line in tried.splitlines() if "70-shroff" in line and any(it in line.lower() for it in ("fail", "invalid", "ignor"))]
        check("70-shroff.rules" in tried and not wrong, f"udevadm test: {wrong}")
        said = guest.sh(f"udevadm info -q property {node}").splitlines()
        wanted = {"wedge": "LIBINPUT_IGNORE_DEVICE=1", "serial": "ID_MM_DEVICE_IGNORE=1", "hid": "ID_POS_SCANNER=1"}[scanner.link]
        check(wanted in said, f"{node} is not {wanted}: {said}")
        if Kind is Wedge:
            raw = "/dev/" + guest.sh("basename $(grep -lx 'HID_ID=0003:00000C2E:00000B81' /sys/class/hidraw/*/device/uevent | cut -d/ -f-5)").strip()
            check(owner(raw) == "root:root 600", f"every key can be read at {raw}: {owner(raw)}")
            check("shroff" not in guest.sh(f"udevadm info -q symlink {raw}"), f"{raw} has a name")
    return note


@story()
def cashiers_keyboard(lab):
    """A payment code typed on the cashier's keyboard is no scan, and its keys stay the desktop's."""
    shop, guest = lab.shop, lab.guest
    wedge, keyboard = lab.scanner(Wedge, 0, "K1"), lab.scanner(Keyboard)
    shop.open((wedge, "1", wedge.by_id))
    wedge.plug(), keyboard.plug()
    shop.is_at("connected")
    node = guest.wait("readlink -e /dev/input/by-id/usb-QEMU_QEMU_USB_Keyboard*event-kbd")
    check(guest.sh(f"stat -c %G {node}").strip() == "input", "the keyboard was given to shroff")
    ref, good = shop.arm(), shop.code()
    guest.sh(f"(timeout 60 dd if={node} of=/run/typed bs=24 count=114 status=none &)")
    keyboard.type(shop.code())
    guest.wait("[ $(stat -c %s /run/typed) -ge 2736 ]")     # 19 keys down and up, three events each
    check(shop.payment(ref)["attempts"] == [], "typed and taken")
    wedge.scan(good)
    shop.paid(ref, good)
    shop.agrees(sales=1)


@story()
def no_rules(lab):
    """Without its rules the terminal says what is missing, and with them it needs no restart."""
    shop, guest, scanner = lab.shop, lab.guest, lab.scanner(Acm, serial="N1")
    guest.sh("ln -s /dev/null /etc/udev/rules.d/70-shroff.rules && udevadm control --reload")
    shop.open((scanner, "1", "/dev/ttyACM0"))
    scanner.plug()
    shop.is_at("denied")
    check("udev rules" in shop.device()["advice"], "it does not say what to do")
    guest.sh("rm /etc/udev/rules.d/70-shroff.rules && udevadm control --reload && udevadm trigger --subsystem-match=tty")
    shop.is_at("connected")
    shop.sells(scanner)
    shop.agrees(sales=1)


@story()
def watchdog(lab):
    """A daemon that hangs is started again, tells what became of the payment, and sells."""
    shop, guest, scanner = lab.shop, lab.guest, lab.scanner(Acm, serial="W1")
    shop.open((scanner, "1", scanner.by_id))
    scanner.plug()
    shop.is_at("connected")
    ref, pid, began = shop.arm(), shop.pid(), time.monotonic()
    guest.sh(f"kill -STOP {pid}")
    guest.wait(f"[ $(systemctl show -P MainPID shroff) != {pid} ] && systemctl is-active -q shroff", 40)
    took = time.monotonic() - began
    payment = shop.payment(ref)
    check((payment["state"], payment["money"]) == ("expired", "none"), f"yesterday's payment: {payment}")
    shop.is_at("connected")
    shop.sells(scanner)
    shop.agrees(sales=1)
    return f"running again after {took:.1f} s"


FLOOD = 20_000          # scans, more than a guest reads in the time of ten sales


def main():
    if sys.argv[1:] == ["--list"]:
        sys.exit(print("\n".join(f"{name:32} {tell.__doc__.strip()}" for name, tell in STORIES.items())))
    image, programs, *wanted = sys.argv[1:]
    chosen = [name for name in STORIES if not wanted or any(fnmatch.fnmatch(name, f"*{it}*") for it in wanted)]
    if not chosen:
        sys.exit(f"no story is called {' or '.join(wanted)}; there are\n  " + "\n  ".join(STORIES))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began, failed, skipped = time.monotonic(), 0, 0
    with tempfile.TemporaryDirectory(prefix="shroff-lab-") as folder, Lab(image, pathlib.Path(programs), folder) as lab:
        for name in chosen:
            if lab.guest is None:
                lab.boot()
            start = time.monotonic()
            try:
                outcome, note = "ok", lab.tell(STORIES[name])
            except LabError as error:
                failed += 1
                outcome, note = "FAILED", f"{error}\n{getattr(lab, 'last_words', '')}"
            print(f"{time.monotonic() - start:6.1f} s  {outcome:6}  {name:24} {note or ''}", flush=True)
    print(f"{time.monotonic() - began:6.1f} s  in all")
    print(f"lab: {len(chosen) - failed - skipped} passed, {failed} failed")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
