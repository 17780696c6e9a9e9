"""A guest with the product installed, and whoever tells stories in it."""
import fnmatch, functools, os, pathlib, queue, shutil, signal, subprocess, sys, tempfile, threading, time, traceback

from guest import Guest, LabError
from shop import KEY, Gateway, Shop

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent.parent
STORIES = {}


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


def chapter(tell):
    """Puts a story of the package on the list. They are told one after the other in one guest, that has nothing of shroff at
    first, and on one ledger."""
    STORIES[f"package/{tell.__name__.replace('_', '-')}"] = tell
    return tell


def is_chapter(name):
    return name.startswith("package/")


class Lab:
    """A guest and its shop, and the scanners of the story that is told. A story that fails spoils the guest: the next one
    gets a new one."""

    def __init__(self, image, install, bare, packages, gateway):
        self.image, self.install, self.bare, self.packages, self.gateway = image, install, bare, packages, gateway
        self.guest, self.is_bare, self.last_words = None, False, ""

    def tell(self, story):
        """What the story has to say; raises when its claim does not hold."""
        self.scanners = []
        if not self.is_bare or self.shop is None:
            self.shop = Shop(self.guest, self.gateway)
        try:
            note = story(self)
            for scanner in self.scanners:
                scanner.discard()
            self.used = True
            return (note or "") + (f" ({self.shop.repeated} scans repeated)" if self.shop.repeated else "")
        except BaseException:
            self.last_words = self.say(self.shop.log) + self.say(lambda: self.guest.sh("find /dev/shroff -type l -ls", check=False))
            self.forget()
            raise

    def boot(self, bare=False):
        self.guest, self.used, self.is_bare, self.shop = Guest(self.image, self.bare if bare else self.install, self.gateway.port), False, bare, None
        self.guest.__enter__()
        self.settle()
        return time.monotonic() - self.guest.born

    def settle(self):
        """Until the guest has come up."""
        self.guest.wait("systemctl is-system-running | grep -qx running", 60)
        self.guest.sh("systemctl start lab-api.socket")

    def cut_power(self):
        """The plug is pulled in the middle of whatever happens, and put back in."""
        took = self.guest.cut_power()
        for scanner in self.scanners:
            scanner.plugged = False
        self.settle()
        return took

    def fresh(self):
        """A guest nothing was ever plugged into, with the daemon it booted with."""
        if self.used:
            self.forget()
            self.boot()
            self.shop.guest = self.guest

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


def fill(install, programs, gateway, scanners):
    """What a package would install, and what the merchant adds. The daemon starts at boot and waits for `scanners`, each
    by its port and on a lane of its own."""
    shutil.copytree(ROOT / "tests/lab/guest/overlay", install, symlinks=True)

    def put(source, to, mode=0o644):
        to = install / to
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, to)
        to.chmod(mode)
    put(programs / "shroff", "usr/bin/shroff", 0o755)
    put(ROOT / "systemd/shroff.service", "usr/lib/systemd/system/shroff.service")
    put(ROOT / "systemd/shroff.sysusers", "usr/lib/sysusers.d/shroff.conf")
    put(ROOT / "systemd/shroff.tmpfiles", "usr/lib/tmpfiles.d/shroff.conf")
    put(ROOT / "udev/70-shroff.rules", "usr/lib/udev/rules.d/70-shroff.rules")
    put(ROOT / "udev/shroff-modules.conf", "usr/lib/modules-load.d/shroff.conf")
    (install / "usr/lib/shroff").mkdir()
    (install / "usr/lib/shroff/shroff-hid-id").symlink_to("/usr/bin/shroff")
    for name in ("ca.pem", "apiclient_cert.pem"):
        put(gateway.papers / name, f"etc/shroff/{name}")
    for name in ("v2.key", "apiclient_key.pem"):
        put(gateway.papers / name, f"etc/shroff/keys/{name}", 0o600)
    _, config = Shop.config(gateway, [(it, str(lane), it.by_path) for lane, it in enumerate(scanners)])
    (install / "etc/shroff/config.toml").write_text(config)
    wants = install / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir()
    (wants / "shroff.service").symlink_to("/usr/lib/systemd/system/shroff.service")


def pack(folder, programs):
    """The package in two versions, of the same programs."""
    folder.mkdir()
    for version in VERSIONS:
        made = subprocess.run([ROOT / "packaging/deb", "--fast", "--programs", programs, "--deb-version", version, "--output", folder / f"{version}.deb"],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if made.returncode:
            raise LabError(f"no package: {made.stdout}")


VERSIONS = ("0.1.0-1", "0.1.0-2")


def main(scanners):
    """Tells the stories that the command line names, in as many guests at a time as there are processors."""
    if sys.argv[1:] == ["--list"]:
        sys.exit(print("\n".join(f"{name:32} {tell.__doc__.strip()}" for name, tell in STORIES.items())))
    image, programs, *wanted = sys.argv[1:]
    chosen = [name for name in STORIES if not wanted or any(fnmatch.fnmatch(name, f"*{it}*") for it in wanted)]
    if not chosen:
        sys.exit(f"no story is called {' or '.join(wanted)}; there are\n  " + "\n  ".join(STORIES))
    waiting, told, stop = queue.SimpleQueue(), [], threading.Event()
    chapters = [name for name in chosen if is_chapter(name)]
    for names in [chapters, *([name] for name in chosen if not is_chapter(name))]:
        if names:
            waiting.put(names)

    def work(lab):
        while not stop.is_set():
            try:
                names = waiting.get_nowait()
            except queue.Empty:
                return lab.forget()
            for name in names:
                tell(lab, name)

    def tell(lab, name):
        if stop.is_set():
            return
        start = time.monotonic()
        try:
            if lab.guest is not None and lab.is_bare != is_chapter(name):
                lab.forget()
            if lab.guest is None:
                print(f"{lab.boot(bare=is_chapter(name)):6.1f} s  until a guest is up", flush=True)
                start = time.monotonic()
            outcome, note = "ok", lab.tell(STORIES[name])
        except Exception as error:          # whatever it is, the next story is told
            where = "" if isinstance(error, LabError) else traceback.format_exc()
            outcome, note = "FAILED", f"{error}\n{where}{lab.last_words}"
            lab.forget()
        if not stop.is_set():
            told.append(outcome)
            print(f"{time.monotonic() - start:6.1f} s  {outcome:6}  {name:32} {note}", flush=True)

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began, programs = time.monotonic(), pathlib.Path(programs)
    guests = min(int(os.environ.get("SHROFF_LAB_GUESTS", len(os.sched_getaffinity(0)))), len(chosen))
    with tempfile.TemporaryDirectory(prefix="shroff-lab-") as folder:
        with Gateway(programs / "shroff-sim", pathlib.Path(folder) / "papers") as gateway:
            install, bare, packages = (pathlib.Path(folder) / name for name in ("install", "bare", "packages"))
            (gateway.papers / "v2.key").write_text(KEY)
            fill(install, programs, gateway, scanners)
            shutil.copytree(ROOT / "tests/lab/guest/overlay", bare, symlinks=True)
            if chapters:
                pack(packages, programs)
            labs = [Lab(image, install, bare, packages, gateway) for _ in range(guests)]
            workers = [threading.Thread(target=work, args=(lab,)) for lab in labs]
            try:
                for worker in workers:
                    worker.start()
                for worker in workers:
                    worker.join()
            finally:
                stop.set()
                for lab in labs:
                    lab.forget()
    print(f"{time.monotonic() - began:6.1f} s  in all, {guests} guests at a time")
    failed = len(chosen) - told.count("ok")
    print(f"lab: {len(chosen) - failed} passed, {failed} failed")
    sys.exit(bool(failed))
