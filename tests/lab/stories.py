"""The lab's stories. Each is told alone, on a ledger of its own; its first line of documentation is its claim."""
import concurrent.futures, json, pathlib, sys, time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
from guest import PATIENCE
import package                                      # the stories of the package
from lab import main, story
from scanners import Acm, Both, Ftdi, Honeywell, Keyboard, Newland, Pole, Wedge
from shop import check

KINDS = [Honeywell, Newland, Wedge, Acm, Ftdi]


@story()
def boots_before_its_scanners(lab):
    """A daemon that started before anything was plugged in reads every kind, as a user without rights, and outlives them all."""
    lab.fresh()
    shop, guest = lab.shop, lab.guest
    loaded = {line.split()[1] for line in guest.sh("cat /proc/devices").splitlines() if len(line.split()) == 2}
    check({"hidraw", "input", "ttyACM", "ttyUSB"} <= loaded, f"modules-load.d/shroff.conf left out a class: {loaded}")
    scanners = [lab.scanner(Kind, port) for port, Kind in enumerate(KINDS)]
    check([shop.device(at)["state"] for at, _ in enumerate(scanners)] == ["gone"] * len(scanners), "there is something already")
    pid = shop.pid()
    for at, scanner in enumerate(scanners):
        scanner.plug()
        shop.is_at("connected", at)
    user = guest.sh(f"stat -c %U:%G /proc/{pid}").strip()
    terminal = guest.sh(f"cut -d' ' -f7 /proc/{pid}/stat").strip()
    check((user, terminal) == ("shroff:shroff-pos", "0"), f"runs as {user}, with controlling terminal {terminal}")
    for at, scanner in enumerate(scanners):
        scanner.unplug()
        shop.is_at("gone", at)
    check(shop.pid() == pid and guest.sh("systemctl show -P NRestarts shroff").strip() == "0", "the daemon went with its scanners")


@story(*KINDS)
def sale(lab, Kind):
    """Plugged in it is read, unplugged it is missed, and only a payment that waits takes its scans."""
    shop, scanner = lab.shop, lab.scanner(Kind, serial="S1")
    shop.open((scanner, "1", scanner.numbers))
    shop.is_at("gone")
    began = time.monotonic()
    scanner.plug()
    shop.is_at("connected")
    seen = time.monotonic() - began
    scanner.scan(shop.code())
    shop.fence(scanner)                             # it was read, and nobody wanted it
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


@story(Honeywell, Wedge, Acm, Ftdi)
def torn(lab, Kind):
    """Half a code, the cable out and in again, the other half: no code."""
    shop, scanner = lab.shop, lab.scanner(Kind, serial="S1")
    shop.open((scanner, "1", scanner.by_id))
    scanner.plug()
    shop.is_at("connected")
    ref, code = shop.arm(), shop.code()
    scanner.send(scanner.beginning(code[:9]))
    time.sleep(0.2)                                 # half a code is no event that could be waited for
    scanner.unplug()
    shop.is_at("gone")
    scanner.plug()
    shop.is_at("connected")
    scanner.send(scanner.end(code[9:]))
    shop.fence(scanner)
    payment = shop.payment(ref)
    check(payment["state"] == "armed" and payment["attempts"] == [], f"half a code was taken: {payment}")
    shop.collects(ref, scanner)
    shop.agrees(sales=1)


@story(Honeywell, Wedge, Acm, Ftdi)
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
    shop.collects(ref, scanner)
    shop.agrees(sales=1)
    check(shop.pid() == pid, "the daemon did not outlive two seconds")


@story(Honeywell, Wedge, Acm)
def twins(lab, Kind):
    """Two of a kind are told apart by their serial numbers, at whatever port and in whatever order."""
    one, two = lab.scanner(Kind, 0, "T1"), lab.scanner(Kind, 1, "T2")
    lab.shop.open((one, "1", one.by_id), (two, "2", f"{two.numbers}/T2"))
    pair(lab, one, two, swap=True)


@story(Honeywell, Wedge, Acm)
def twins_without_numbers(lab, Kind):
    """Two of a kind without serial numbers are told apart by their ports, one by udev's name and one by ours."""
    one, two = lab.scanner(Kind, 0), lab.scanner(Kind, 1)
    two.plug()
    lab.shop.open((one, "1", one.by_path), (two, "2", f"usb:{two.usb_port()}"))
    two.unplug()
    pair(lab, one, two, swap=False)


def pair(lab, one, two, swap):
    """Sells on both lanes, and again with the kernel's names, and perhaps the ports, the other way round."""
    shop, nodes = lab.shop, []
    for first, second in ((one, two), (two, one)):
        first.plug()
        lab.guest.wait(f"ls /dev/shroff/{first.link}-*")
        second.plug()
        shop.is_at("connected", 0), shop.is_at("connected", 1)
        nodes.append(lab.guest.sh(f"readlink -e {one.by_path} {two.by_path}").split())
        numbered = lab.guest.sh("ls /dev/shroff/by-id 2>&1", check=False)
        check(("T1" in numbered) == (one.serial is not None), f"names by serial number: {numbered}")
        refs = shop.arm("1"), shop.arm("2")
        shop.collects(refs[1], two)
        check(shop.payment(refs[0])["state"] == "armed", "the other lane took it")
        shop.collects(refs[0], one)
        one.unplug(), two.unplug()
        shop.is_at("gone", 0), shop.is_at("gone", 1)
        if swap:
            one.port, two.port = two.port, one.port
    check(swap or nodes[0] == nodes[1][::-1], f"the kernel's names were to change places, but {nodes}")
    shop.agrees(sales=4)


@story(Honeywell, Wedge, Acm)
def flood(lab, Kind):
    """A scanner gone mad on one lane does not hold up a sale on another."""
    shop, mad, calm = lab.shop, lab.scanner(Kind, 0, "MAD"), lab.scanner(Acm, 1, "CALM")
    shop.open((mad, "1", mad.by_id), (calm, "2", calm.by_id))
    mad.plug(), calm.plug()
    shop.is_at("connected", 0), shop.is_at("connected", 1)
    quiet = max(shop.sells(calm, "2") for _ in range(5))
    mad.flood(b"".join(mad.whole(shop.code()) for _ in range(50)))
    shop.counts(FLOOD)
    before = shop.device(0)["scans"]
    slowest = max(shop.sells(calm, "2") for _ in range(5))
    check(shop.device(0)["scans"] > before, "there was no flood during the sales")
    dropped = shop.dropped()
    check(slowest < 5 * PATIENCE, f"a sale took {slowest:.1f} s")
    # The mad scanner's own lane takes one code a payment, and then no other.
    ref = shop.arm("1")
    shop.until("final", lambda: (shop.payment(ref)["final"], shop.payment(ref)))
    check(len(shop.payment(ref)["attempts"]) == 1, f"more than one code: {shop.payment(ref)}")
    mad.stop()
    shop.agrees(sales=11)
    return f"paid after {slowest:.2f} s beside the flood, {quiet:.2f} s in peace; {dropped} scans thrown away"


FLOOD = 20              # scans after which it is one


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
        if Kind is Newland:                         # HID POS of a maker nobody knows
            scanner.vendor = "1209"
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
            raw = hidraw(guest, scanner)
            check(owner(raw) == "root:root 600" and not guest.sh(f"udevadm info -q symlink {raw}").strip(), f"{raw} is open")
        scanner.discard()
    for vendor, mode in (("1209", "root:root 600"), ("0c2e", "root:shroff 660")):
        both = lab.scanner(Both, 0, f"R{vendor}")
        both.vendor = vendor
        both.plug()
        check(owner(raw := hidraw(guest, both)) == mode, f"a keyboard that scans, of {vendor}: {raw} is {owner(raw)}")
        both.discard()
    return note


def hidraw(guest, scanner):
    """The node by which every report of a device can be read, when udev has done with it."""
    place = guest.wait(f"grep -lx HID_UNIQ={scanner.serial} /sys/class/hidraw/*/device/uevent")
    guest.sh("udevadm settle")
    return "/dev/" + place.split("/")[4]


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
    ref = shop.arm()
    guest.sh(f"exec 3<{node}; (timeout 60 dd <&3 of=/run/typed bs=24 count=114 status=none &)")
    keyboard.type(shop.code())
    guest.wait("[ $(stat -c %s /run/typed) -ge 2736 ]")     # 19 keys down and up, three events each: all were typed
    check(shop.payment(ref)["attempts"] == [], "typed and taken")
    shop.collects(ref, wedge)
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
    shop.ends(ref, "expired", 10)
    check((payment := shop.payment(ref))["money"] == "none", f"yesterday's payment: {payment}")
    shop.is_at("connected")
    shop.sells(scanner)
    shop.agrees(sales=1)
    return f"running again after {took:.1f} s"


@story()
def display(lab):
    """A serial display never keeps *paid*: not when the daemon is killed, not when its whole service is, not when it hangs."""
    shop, guest, pole = lab.shop, lab.guest, lab.scanner(Pole, serial="P1")
    pole.plug()
    guest.wait(f"ls {pole.by_id}")
    shop.open(more=f'[[display]]\nkind = "vfd"\ndevice = "{pole.numbers}"\n')
    told = []
    for how in ("kill -KILL {pid}", "systemctl kill -s KILL shroff", "kill -STOP {pid}", "systemctl restart --no-block shroff"):
        shop.is_at("connected")
        pole.shows("Welcome")
        shop.pays()
        pole.shows("Paid, thank you")
        pid, began = shop.pid(), time.monotonic()
        guest.sh(how.format(pid=pid))
        between = pole.shows("Ask the cashier")
        took = time.monotonic() - began
        check(took < 12 * PATIENCE, f"{how}: paid stood there for {took:.1f} s")
        check(b"Welcome" not in between, f"{how}: nobody was told anything: {between}")
        told.append(f"{how.partition(' {')[0]} {took:.1f} s")
        guest.wait(f"[ $(systemctl show -P MainPID shroff) != {pid} ] && systemctl is-active -q shroff", 40)
    left = guest.sh("cat /proc/[0-9]*/comm | grep shroff", check=False).split()
    check(sorted(left) == ["shroff", "shroff-display"], f"not one daemon and one keeper, but {left}")
    pole.unplug()
    shop.is_at("gone")
    pole.plug()
    shop.is_at("connected")
    pole.shows("Welcome")
    shop.agrees(sales=4)
    return "sent to the cashier after " + ", ".join(told)


@story()
def devices(lab):
    """`shroff devices` prints names that are right in the configuration, and tells a scanner from the cashier's keyboard."""
    guest = lab.guest
    guest.sh("systemctl stop shroff")
    scanners, keyboard = [lab.scanner(Kind, port, "D1") for port, Kind in enumerate(KINDS)], lab.scanner(Keyboard, 1)
    for scanner in (*scanners, keyboard):
        scanner.plug()
    for scanner in scanners:
        guest.wait(f"ls {scanner.by_id}")
    guest.wait("ls /dev/input/by-id/usb-QEMU_QEMU_USB_Keyboard*event-kbd")
    guest.sh("udevadm settle")
    found = json.loads(guest.sh("setpriv --reuid=shroff --regid=shroff --clear-groups shroff devices --json"))["devices"]
    told = {it["device"]: it for it in found if "device" in it}
    for scanner in scanners:
        it = told.get(scanner.numbers)
        check(it is not None and it["kind"] == scanner.kind and it["readable"], f"{scanner.numbers}: {it} of {found}")
        check(it["scanner"] == (scanner.vendor != "0403"), f"an adapter is only perhaps a scanner: {it}")
    for it in found:
        if it["scanner"]:
            continue
        check(not it["readable"] or it.get("vendor") == "0403", f"the group reads what is no scanner: {it}")
    check([it["scanner"] for it in found if it.get("vendor") == "0627"] == [False, False], f"the cashier's keyboard: {found}")
    text = guest.sh("shroff devices")
    lab.shop.open(*[(scanner, str(lane), scanner.numbers) for lane, scanner in enumerate(scanners)])
    for lane, _ in enumerate(scanners):
        lab.shop.is_at("connected", lane)
    return f"{text.count('[[scanner]]')} entries"


@story(Honeywell, Wedge, Acm, Ftdi)
def scan(lab, Kind):
    """`shroff scan` says what a scanner sends and never shows a code, and leaves the daemon's scanners alone."""
    guest, shop, scanner = lab.guest, lab.shop, lab.scanner(Kind, serial="S1")
    guest.sh("systemctl stop shroff")
    scanner.plug()
    guest.wait(f"ls {scanner.by_id}")
    guest.sh(f"(timeout 60 shroff scan --device {scanner.numbers} --count 2 --json >/run/scan 2>/run/scan.err &)")
    guest.wait("grep reading /run/scan.err")
    code = shop.code()
    scanner.scan("6901234567892")
    guest.wait("[ $(wc -l </run/scan) = 1 ]")
    scanner.scan(code)
    guest.wait("[ $(wc -l </run/scan) = 2 ]")
    lines = guest.sh("cat /run/scan")
    verdicts = [json.loads(line)["verdict"] for line in lines.splitlines()]
    check(verdicts == ["product", "payment-code"] and code[6:] not in lines, f"it says {lines}")
    guest.wait("! pidof shroff")
    shop.open((scanner, "1", scanner.numbers))
    shop.is_at("connected")
    busy = guest.sh(f"timeout 60 shroff scan --device {scanner.numbers}; echo code $?")
    check("code 75" in busy and "in use" in busy, f"two read one scanner: {busy}")


if __name__ == "__main__":
    main([Kind(None, Kind.__name__, port) for port, Kind in enumerate(KINDS)])
