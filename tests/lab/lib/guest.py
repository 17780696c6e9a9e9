"""A Debian guest in QEMU, driven from the host: a root shell, and USB devices that QEMU can plug in and pull out."""
import json, os, pathlib, re, select, shutil, socket, subprocess, tempfile, time

PATIENCE = float(os.environ.get("SHROFF_LAB_PATIENCE", "1"))    # a factor on every limit, for slower machines


class LabError(Exception):
    pass


class Wire:
    """A Unix stream socket, read with deadlines."""

    def __init__(self, path, limit=10):
        end = time.monotonic() + limit
        while True:
            self.socket = socket.socket(socket.AF_UNIX)
            try:
                self.socket.connect(str(path))
                break
            except OSError:
                self.socket.close()
                if time.monotonic() > end:
                    raise LabError(f"nobody listens at {path}")
                time.sleep(0.02)
        self.buffer = b""

    def send(self, data):
        self.socket.sendall(data)

    def drop(self):
        """Forgets what was said until now."""
        self.buffer = b""
        while select.select([self.socket], [], [], 0)[0]:
            if not self.socket.recv(65536):
                raise LabError("closed")

    def until(self, mark, limit):
        """What comes before `mark`."""
        end = time.monotonic() + limit
        while mark not in self.buffer:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                raise LabError(f"no {mark!r} within {limit:.0f} s, but {self.buffer[-600:]!r}")
            chunk = self.socket.recv(65536)
            if not chunk:
                raise LabError(f"closed after {self.buffer[-600:]!r}")
            self.buffer += chunk
        before, _, self.buffer = self.buffer.partition(mark)
        return before


class Guest:
    """Starts when entered. `install` is copied over the root file system before anything runs, as a package would be; the
    guest's API is at this host's 127.0.0.1:api, and its 10.0.2.100:gateway is this host's 127.0.0.1:gateway; nothing else
    is reachable either way. Whatever the guest writes is gone with it."""

    def __init__(self, image, install, gateway):
        self.image, self.install, self.gateway = image, install, gateway
        self.asked, self.boots, self.events, self.ports = 0, 0, [], {}

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="shroff-lab-"))
        (self.folder / "share").mkdir()
        shutil.copytree(self.install, self.folder / "share/install", symlinks=True)
        try:
            self._start()
        except BaseException as error:
            told = (self.folder / "qemu.err").read_text()[-600:] + self.console()[-1500:]
            self.__exit__(None, None, None)
            raise LabError(f"the guest did not come up: {error}\n{told}") from error
        return self

    def __exit__(self, *_):
        if hasattr(self, "qemu"):
            self.qemu.kill()
            self.qemu.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self):
        at = lambda name: f"{self.folder}/{name}"
        net = (f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:0-:8750"
               f",guestfwd=tcp:10.0.2.100:{self.gateway}-cmd:busybox nc 127.0.0.1 {self.gateway}")
        options = [
            "-machine", "q35,i8042=off", "-accel", "tcg,thread=multi", "-cpu", "qemu64", "-smp", "2", "-m", "512", "-nodefaults", "-no-user-config",
            "-display", "none", "-no-reboot", "-kernel", f"{self.image}/vmlinux", "-initrd", f"{self.image}/initrd",
            "-append", "console=ttyS0 quiet no_timer_check net.ifnames=0 panic=-1 rw systemd.show_status=no",
            "-drive", f"file={self.image}/root.ext4,format=raw,if=virtio,snapshot=on",
            "-chardev", f"file,id=console,path={at('console')}", "-serial", "chardev:console",
            "-qmp", f"unix:{at('qmp')},server=on,wait=off",
            "-device", "virtio-serial-pci", "-chardev", f"socket,id=shell,path={at('shell')},server=on,wait=off",
            "-device", "virtserialport,chardev=shell,name=lab.shell", "-device", "virtio-rng-pci",
            "-fsdev", f"local,id=lab,path={at('share')},security_model=none", "-device", "virtio-9p-pci,fsdev=lab,mount_tag=lab",
            "-netdev", net, "-device", "virtio-net-pci,netdev=net,romfile=", "-device", "qemu-xhci,id=xhci,p2=8,p3=8"]
        self.born = time.monotonic()
        self.qemu = subprocess.Popen(["qemu-system-x86_64", *options], stdin=subprocess.DEVNULL, stderr=open(at("qemu.err"), "wb"))
        self.monitor = Wire(at("qmp"))
        self.monitor.until(b"\n", 10)
        self.qmp("qmp_capabilities")
        forwards = self.qmp("human-monitor-command", **{"command-line": "info usernet"})
        self.api = int(re.search(r"HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)", forwards)[1])     # QEMU took a free one
        self.shell = Wire(at("shell"))
        self.wake()
        self.up_after = time.monotonic() - self.born

    def wake(self):
        """Until the shell answers."""
        self.boots += 1
        end = time.monotonic() + 120 * PATIENCE
        while True:                         # what is sent before the shell listens may be lost: ask again
            self.shell.send(f"echo AW''AKE-{self.boots}\n".encode())
            try:
                self.shell.until(f"AWAKE-{self.boots}\n".encode(), 0.5)
                break
            except LabError:
                if self.qemu.poll() is not None or time.monotonic() > end:
                    raise
        self.sh("true")

    def cut_power(self):
        """The plug is pulled and put back in: what the guest had not written is lost, the disk is the same. What was plugged
        into its own controller must be plugged in anew. How long it took until the shell answered."""
        began = time.monotonic()
        self.qmp("set-action", reboot="reset")
        self.events.clear()
        self.qmp("system_reset")
        while not any(it["event"] == "RESET" for it in self.events):
            self.events.append(json.loads(self.monitor.until(b"\n", 10 * PATIENCE)))
        self.shell.drop()
        self.wake()
        self.qmp("set-action", reboot="shutdown")
        return time.monotonic() - began

    def sh(self, command, limit=60, check=True):
        """Runs a command as root; what it says on both outputs."""
        self.asked += 1
        self.shell.send(f"( {command}\n) </dev/null 2>&1; r=$?; echo; echo DO''NE-{self.asked} $r\n".encode())
        said = self.shell.until(f"\nDONE-{self.asked} ".encode(), limit * PATIENCE).decode(errors="replace").lstrip("\n")
        code = int(self.shell.until(b"\n", 10))
        if check and code:
            raise LabError(f"exit code {code} from {command!r}: {said[-1500:]}")
        return said

    def wait(self, command, limit=30):
        """Until a command succeeds; what it says."""
        end = time.monotonic() + limit * PATIENCE
        while True:
            try:
                return self.sh(command).strip()
            except LabError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def put(self, path, text, mode=644):
        """A file in the guest, whole or not at all."""
        end = f"END-{self.asked}"
        self.sh(f"umask 077; cat >{path}.new <<'{end}'\n{text}\n{end}\nchmod {mode} {path}.new && mv {path}.new {path}")

    def qmp(self, command, **arguments):
        self.monitor.send(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        while True:
            answer = json.loads(self.monitor.until(b"\n", 10 * PATIENCE))
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise LabError(f"{command}: {answer['error']['desc']}")
            self.events.append(answer)

    def plug(self, driver, name, **options):
        self.qmp("device_add", driver=driver, id=name, bus="xhci.0", **options)

    def unplug(self, name):
        self.events.clear()
        self.qmp("device_del", id=name)
        while not any(it["event"] == "DEVICE_DELETED" and it["data"].get("device") == name for it in self.events):
            self.events.append(json.loads(self.monitor.until(b"\n", 10)))

    def port(self, name):
        """The host's end of a serial line."""
        if name not in self.ports:
            path = f"{self.folder}/{name}.line"
            self.qmp("chardev-add", id=f"{name}-line", backend={"type": "socket", "data": {
                "addr": {"type": "unix", "data": {"path": path}}, "server": True, "wait": False}})
            self.ports[name] = Wire(path)
        return self.ports[name]

    def console(self):
        path = self.folder / "console"
        return path.read_text(errors="replace") if path.exists() else ""
