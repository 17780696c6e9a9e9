"""Scanners to plug into a guest: real USB devices with vendor, product and serial number. Most are made by the kernel's own
gadget stack, on a dummy host controller with four ports (0 to 3); two are QEMU's."""
import time


GADGETS = "/sys/kernel/config/usb_gadget"


def descriptor(text):
    """Hex with comments."""
    return bytes.fromhex("".join(line.partition("#")[0] for line in text.splitlines()))


class Scanner:
    """Something that scans. `kind` is the configuration's word, `link` the rules' word for it."""
    maker = "Lab"

    @property
    def model(self):
        return type(self).__name__

    def __init__(self, guest, name, port=0, serial=None):
        """`name` is ours alone. Without a serial number only the port tells it from another of its kind."""
        self.guest, self.name, self.port, self.serial, self.plugged = guest, name, port, serial, False

    @property
    def numbers(self):
        """Its name by vendor and product."""
        return f"{self.vendor}/{self.product}"

    @property
    def by_id(self):
        return f"/dev/shroff/by-id/{self.link}-{self.maker}_{self.model}_{self.serial}-if00"

    @property
    def by_path(self):
        return f"/dev/shroff/by-path/{self.link}-platform-dummy_hcd.{self.port}-usb-0:1:1.0"

    def scan(self, text):
        """One whole scan."""
        self.send(self.whole(text))


class Gadget(Scanner):
    """A device of the gadget stack. Subclasses say what `functions` it has and how a scan looks on its node."""

    def plug(self):
        folder = f"{GADGETS}/{self.name}"
        if not self.plugged:
            serial = f"echo {self.serial} >{folder}/strings/0x409/serialnumber; " if self.serial else ""
            self.guest.sh(
                "modprobe dummy_hcd num=4; modprobe libcomposite; "
                "mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config; "
                f"set -e; mkdir -p {folder}/strings/0x409 {folder}/configs/c.1; echo 0x{self.vendor} >{folder}/idVendor; "
                f"echo 0x{self.product} >{folder}/idProduct; echo {self.maker} >{folder}/strings/0x409/manufacturer; "
                f"echo {self.model} >{folder}/strings/0x409/product; {serial}{self.function(folder)}")
            self.plugged = True
        self.guest.sh(f"echo dummy_udc.{self.port} >{folder}/UDC")
        self.node = self.find_node(folder)

    def unplug(self):
        self.guest.sh(f"echo >{GADGETS}/{self.name}/UDC")

    def usb_port(self):
        """The kernel's name of the port, such as 3-1."""
        port = f"basename $(ls -d /sys/devices/platform/dummy_hcd.{self.port}/usb*/*-1)"
        return self.guest.wait(port)

    def discard(self):
        """Unplugs it and forgets it."""
        folder = f"{GADGETS}/{self.name}"
        self.guest.sh(f"[ ! -d {folder} ] || {{ echo >{folder}/UDC; rm -f {folder}/configs/c.1/*.0; rmdir {folder}/configs/c.1 "
                      f"{folder}/functions/* {folder}/strings/0x409 {folder}; }}", check=False)
        self.plugged = False

    def send(self, data):
        """Writes to the device's own end."""
        self.guest.sh(f"timeout 60 {self.copy(data)}", 70)

    def flood(self, data):
        """Writes it again and again, until it is told to stop."""
        self.guest.sh(f"touch /run/flood; (while [ -e /run/flood ]; do {self.copy(data)} || break; done >/run/flood.log 2>&1; "
                      "echo over >>/run/flood.log) &")

    def stop(self):
        self.guest.sh("rm /run/flood")
        self.guest.wait("grep -x over /run/flood.log")

    def copy(self, data):
        path = self.guest.folder / f"share/{self.name}-{time.monotonic_ns()}"      # a new name each: 9p remembers old ones
        path.write_bytes(data)
        return f"dd if=/lab/{path.name} of={self.node} bs={self.size} status=none"


class HidPos(Gadget):
    """USB HID POS: one report a scan, or several for a long one."""
    kind, link = "hid-pos", "hid"

    def function(self, folder):
        at = f"{folder}/functions/hid.0"
        return (f"mkdir -p {at}; echo {self.size} >{at}/report_length; printf '{octal(self.descriptor)}' >{at}/report_desc; "
                f"ln -s {at} {folder}/configs/c.1/")

    def find_node(self, folder):
        return self.guest.wait(f"readlink -e /dev/char/$(cat {folder}/functions/hid.0/dev)", 10)

    def whole(self, text):
        parts = [text[at:at + 56] for at in range(0, len(text), 56)]
        return b"".join(self.report(part, last=part is parts[-1]) for part in parts)

    def beginning(self, text):
        return self.report(text, last=False)

    def end(self, text):
        return self.report(text, last=True)


class Honeywell(HidPos):
    vendor, product, size = "0c2e", "0b87", 64
    descriptor = descriptor("""
        05 8c 09 02 a1 01 09 12 a1 02 85 02             # Bar Code Scanner, Scanned Data, report 2
        15 00 26 ff 00 75 08 95 01 05 01 09 3b 81 02    # byte count
        05 8c 95 03 09 fb 09 fc 09 fd 81 02             # AIM identifier
        95 38 09 fe 82 02 01                            # 56 bytes of data
        06 66 ff 95 02 09 04 09 00 81 02                # the maker's letter, reserved
        05 8c 25 01 75 01 95 01 09 ff 81 02             # it goes on in the next report
        95 07 81 03 c0 c0""")

    def report(self, text, last):
        return bytes([2, len(text)]) + b"]C0" + text.encode().ljust(56, b"\0") + bytes([0x6A, 0, 0 if last else 1])


class Newland(HidPos):
    vendor, product, size = "1eab", "0d10", 64
    descriptor = descriptor("""
        05 8c 09 02 a1 01 09 12 a1 02 85 02             # Bar Code Scanner, Scanned Data, report 2
        15 00 26 ff 00 75 08 95 01 05 01 09 3b 81 02    # byte count
        05 8c 95 38 09 fe 82 02 01                      # 56 bytes of data
        95 05 81 03 25 01 75 01 95 01 09 ff 81 02       # five that mean nothing, it goes on in the next report
        95 07 81 03 c0 c0""")

    def report(self, text, last):
        return bytes([2, len(text)]) + text.encode().ljust(56, b"\0") + bytes([0, 0, 0, 0, 0, 0 if last else 1])


class Wedge(HidPos):
    """A scanner that types."""
    kind, link, vendor, product, size = "keyboard", "wedge", "0c2e", "0b81", 8
    descriptor = descriptor("""
        05 01 09 06 a1 01 05 07 19 e0 29 e7 15 00 25 01 75 01 95 08 81 02      # Keyboard: Ctrl, Shift and so on
        95 01 75 08 81 03 95 05 75 01 05 08 19 01 29 05 91 02 95 01 75 03 91 03  # a byte, the lights
        95 06 75 08 15 00 25 65 05 07 19 00 29 65 81 00 c0                     # six keys""")

    def function(self, folder):
        return f"mkdir -p {folder}/functions/hid.0; echo 1 >{folder}/functions/hid.0/protocol; " \
               f"echo 1 >{folder}/functions/hid.0/subclass; " + super().function(folder)

    def whole(self, text):
        return self.beginning(text) + press(ENTER)

    def beginning(self, text):
        return b"".join(press(DIGITS[digit]) for digit in text)

    end = whole


class Both(HidPos):
    """A keyboard and a scanner behind one node."""
    vendor, product, size = "0c2e", "0b8f", 64
    descriptor = Wedge.descriptor[:6] + b"\x85\x01" + Wedge.descriptor[6:] + Honeywell.descriptor


class Acm(Gadget):
    """USB serial, CDC-ACM."""
    kind, link, vendor, product, size = "serial", "serial", "05f9", "4204", 4096

    def function(self, folder):
        return f"mkdir -p {folder}/functions/acm.0; ln -s {folder}/functions/acm.0 {folder}/configs/c.1/"

    def find_node(self, folder):
        node = "/dev/ttyGS" + self.guest.sh(f"cat {folder}/functions/acm.0/port_num").strip()
        return self.guest.wait(f"ls {node}", 10)

    def whole(self, text):
        return text.encode() + b"\r"

    def beginning(self, text):
        return text.encode()

    end = whole


class Ftdi(Scanner):
    """A serial line behind an FTDI adapter, QEMU's. What the host writes before the guest has opened it is lost."""
    kind, link, vendor, product, maker, model = "serial", "serial", "0403", "6001", "QEMU", "QEMU_USB_SERIAL"

    def plug(self):
        self.guest.port(self.name)
        self.guest.plug("usb-serial", self.name, chardev=f"{self.name}-line", port=str(self.port + 1),
                        **({"serial": self.serial} if self.serial else {}), **{"always-plugged": True})
        self.plugged = True

    def unplug(self):
        self.guest.unplug(self.name)
        self.plugged = False

    def discard(self):
        if self.plugged:
            self.unplug()

    @property
    def by_path(self):
        return f"/dev/shroff/by-path/{self.link}-pci-0000:00:05.0-usb-0:{self.port + 1}:1.0"

    whole, beginning, end = Acm.whole, Acm.beginning, Acm.whole

    def send(self, data):
        self.guest.port(self.name).send(data)


class Pole(Ftdi):
    """A customer display behind an FTDI adapter."""

    def shows(self, text, limit=20):
        """Until it is sent this text; what it was sent before it."""
        return self.guest.port(self.name).until(text.encode(), limit)


class Keyboard(Scanner):
    """The cashier's keyboard, QEMU's: no scanner, and nothing that is typed on it may ever be taken for a scan."""

    def plug(self):
        self.guest.plug("usb-kbd", self.name, port=str(self.port + 1))
        self.plugged = True

    unplug, discard = Ftdi.unplug, Ftdi.discard

    def type(self, text):
        for key in [*text, "ret"]:
            for down in (True, False):
                self.guest.qmp("input-send-event", events=[
                    {"type": "key", "data": {"down": down, "key": {"type": "qcode", "data": key}}}])
                time.sleep(0.012)           # QEMU's keyboard keeps 16 events and drops the rest


DIGITS = {digit: 0x1E + at for at, digit in enumerate("1234567890")}
ENTER = 0x28


def press(usage):
    """A key goes down and up again."""
    return bytes([0, 0, usage, 0, 0, 0, 0, 0]) + bytes(8)


def octal(data):
    return "".join(f"\\{byte:03o}" for byte in data)
