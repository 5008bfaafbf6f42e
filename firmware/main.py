"""Starts the newer of two firmware folders that works. Lies beside slots.py; no update touches it."""

import sys

import slots
from disk import Disk

sys.path.insert(0, "/" + slots.choose(Disk()))


def main():
    from app.device import Device

    Device(Disk()).run()


def restart(error):
    """Leave a trace for the person with the cable, then begin anew: standing still records nothing."""
    import machine

    with open("/crash.txt", "w") as file:
        sys.print_exception(error, file)
    machine.reset()


try:
    main()
except Exception as error:  # noqa: BLE001 - whatever it was, the next start records again
    restart(error)
