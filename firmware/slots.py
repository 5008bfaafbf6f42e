"""Which of the two firmware folders starts. Lies beside main.py; no update touches it.

slots.json: {"active": "a"}, and while an update is on trial {"trial": "b", "version": "1.3.0", "starts": 1}.
"""

import json

PATH = "/slots.json"
TRIAL_STARTS = 2  # one crash may be bad luck


def other(slot):
    return "b" if slot == "a" else "a"


def load(disk):
    try:
        state = json.loads(disk.read_bytes(PATH))
        return state if state.get("active") in ("a", "b") else {"active": "a"}
    except (OSError, ValueError, AttributeError):
        return {"active": "a"}


def save(disk, state):
    disk.replace(PATH, json.dumps(state).encode())


def try_out(disk, slot, version):
    """Start this folder next time, and keep the one that runs until the new one is healthy."""
    state = load(disk)
    save(disk, {"active": state["active"], "trial": slot, "version": version, "starts": 0})


def choose(disk):
    """The folder to start now. A trial that started twice without becoming healthy is over."""
    state = load(disk)
    if "trial" not in state:
        return state["active"]
    if state["starts"] >= TRIAL_STARTS:
        save(disk, {"active": state["active"], "failed": state["version"]})
        return state["active"]
    state["starts"] += 1
    save(disk, state)
    return state["trial"]


def mark_healthy(disk):
    """The firmware that runs has proved itself: it has heard sound and reached its server."""
    state = load(disk)
    if "trial" in state:
        save(disk, {"active": state["trial"]})
