"""The lab's stories. Each is told alone, on a ledger of its own; its first line of documentation is its claim."""
import fnmatch, json, os, pathlib, shutil, signal, socket, subprocess, sys, tempfile, time

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
        if self.guest is None:
            self.boot()
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
            STORIES[f"{kind.__name__.lower()}/{name}"] = lambda lab, kind=kind: tell(lab, kind)
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


def main():
    image, programs, *wanted = sys.argv[1:]
    chosen = [name for name in STORIES if not wanted or any(fnmatch.fnmatch(name, f"*{it}*") for it in wanted)]
    if not chosen:
        sys.exit(f"no story is called {' or '.join(wanted)}; there are\n  " + "\n  ".join(STORIES))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began, failed, skipped = time.monotonic(), 0, 0
    with tempfile.TemporaryDirectory(prefix="shroff-lab-") as folder, Lab(image, pathlib.Path(programs), folder) as lab:
        for name in chosen:
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
