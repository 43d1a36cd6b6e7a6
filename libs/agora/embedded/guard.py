"""Run one server that never outlives the program that started it.

This file is run as a script, on the standard library alone, between a program and its server::

    python -I -S guard.py <stop signal> <grace seconds> <user or -> <command> ...

Standard input is a pipe held open by the program. When it closes, however the program ended, the server gets its stop
signal and, should it not have left after the grace, SIGKILL; SIGTERM to the guard does the same. If the guard itself is
killed, Linux sends the server its stop signal.

PostgreSQL refuses to run as root. Where the user is given, the server runs as that user, and on Linux keeps the one
capability (CAP_DAC_OVERRIDE) that lets it reach files below directories such as /root: no directory is opened up to
others for its sake, and no user is added to the machine.
"""

import ctypes
import os
import pwd
import signal
import subprocess
import sys
import threading
from typing import Final

PR_SET_PDEATHSIG: Final = 1
PR_SET_KEEPCAPS: Final = 8
PR_CAP_AMBIENT: Final = 47
PR_CAP_AMBIENT_RAISE: Final = 2
CAP_DAC_OVERRIDE: Final = 1
LINUX_CAPABILITY_VERSION_3: Final = 0x20080522


def main() -> int:
    """Run the server of the command line until it ends or the program that started this one does."""
    stop_signal, grace_seconds, user, *command = sys.argv[1:]
    stopping = signal.Signals[stop_signal]

    def settle() -> None:
        if user != "-":
            become(user)
        if sys.platform == "linux":
            prctl(PR_SET_PDEATHSIG, stopping)

    # Nothing else runs in this process yet, so that code between fork and exec is safe here.
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=settle)  # noqa: PLW1509, S603

    def stop(*_: object) -> None:
        server.send_signal(stopping)
        signal.alarm(int(grace_seconds))

    def kill(*_: object) -> None:
        server.kill()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGALRM, kill)
    threading.Thread(target=await_the_programs_end, daemon=True).start()
    return server.wait()


def await_the_programs_end() -> None:
    """Turn the end of standard input into a SIGTERM to this process."""
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def become(name: str) -> None:
    """Give up root for good, but for the right to reach one's files."""
    user = pwd.getpwnam(name)
    os.setgroups([])
    os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
    if sys.platform == "linux":
        prctl(PR_SET_KEEPCAPS, 1)
    os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
    if sys.platform == "linux":
        keep(CAP_DAC_OVERRIDE)


def keep(capability: int) -> None:
    """Keep this capability, and no other, through exec; do without where the machine does not grant it."""
    words = ctypes.c_uint32 * 2
    header = words(LINUX_CAPABILITY_VERSION_3, 0)
    bit = 1 << capability
    sets = (ctypes.c_uint32 * 6)(bit, bit, bit)  # effective, permitted, inheritable
    if ctypes.CDLL(None).capset(header, sets) == 0:
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability)


def prctl(option: int, *values: int) -> None:
    """Call the kernel's prctl; every use here is a comfort that its caller can do without."""
    padded = (*values, 0, 0, 0, 0)[:4]
    ctypes.CDLL(None).prctl(option, *(ctypes.c_ulong(value) for value in padded))


if __name__ == "__main__":
    sys.exit(main())
