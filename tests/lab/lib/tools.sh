# tools PROGRAM:PACKAGE...: installs what is missing, or says so.
tools() {
    local it missing=()
    for it in "$@"; do command -v "${it%%:*}" >/dev/null || [ -x "/usr/sbin/${it%%:*}" ] || missing+=("${it##*:}"); done
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ]; then
        echo "the lab needs Debian's packages: ${missing[*]}" >&2
        return 1
    fi
    apt-get -qq update
    # A backport of qemu-utils would be removed to make room for the emulator: it gets the emulator's version instead.
    if [[ " ${missing[*]} " == *" qemu-system-x86 "* ]] && [ -n "$(command -v qemu-img)" ]; then
        missing+=("qemu-utils=$(apt-cache policy qemu-system-x86 | awk '/Candidate:/ {print $2}')")
    fi
    DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends --allow-downgrades "${missing[@]}" >/dev/null
}
