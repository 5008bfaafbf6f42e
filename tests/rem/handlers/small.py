"""Handlers that behave in every way that Lambda knows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time


class BusyError(Exception):
    pass


def echo(event, context):
    return {"pid": os.getpid(), "event": event, "remaining_ms": context.get_remaining_time_in_millis()}


def environment(event, context):
    return {name: os.environ.get(name) for name in event["names"]}


def fail(event, context):
    raise BusyError("somebody else is busy")


def sleep(event, context):
    time.sleep(event["seconds"])
    return {"pid": os.getpid()}


def hold(event, context):
    """Says that it began, and ends when it is let go: both are files."""
    with open(event["begun"], "w"):
        pass
    while not os.path.exists(event["go"]):
        time.sleep(0.02)
    return {"pid": os.getpid()}


def meet(event, context):
    """Ends when so many invocations run at once."""
    with open(os.path.join(event["folder"], str(os.getpid())), "w"):
        pass
    while len(os.listdir(event["folder"])) < event["count"]:
        time.sleep(0.02)
    return {"pid": os.getpid()}


def eat(event, context):
    """Keeps the memory until it is killed for it."""
    hoard = bytearray(event["mb"] << 20)
    time.sleep(event.get("seconds", 100))
    return len(hoard)


def leave(event, context):
    os._exit(3)


def talk(event, context):
    print(json.dumps({"said": event["word"]}), flush=True)
    return {}


def fail_until(event, context):
    """Fails until it was called `times` times; the count lies in a file."""
    count = 1
    if os.path.exists(event["file"]):
        with open(event["file"]) as file:
            count = int(file.read()) + 1
    with open(event["file"], "w") as file:
        file.write(str(count))
    if count < event["times"]:
        raise BusyError(f"call {count}")
    return {"calls": count}


def collect(event, context):
    """An SQS batch: writes the bodies down, reports those that say so as failed."""
    failed = []
    for record in event["Records"]:
        if "poison" in record["body"]:
            failed.append({"itemIdentifier": record["messageId"]})
        with open(os.environ["COLLECTED"], "a") as file:
            file.write(json.dumps(record["body"]) + "\n")
    return {"batchItemFailures": failed}


def attributes(event, context):
    with open(os.environ["COLLECTED"], "a") as file:
        file.write(json.dumps(event["Records"][0]["messageAttributes"]) + "\n")
    return {}


def mumble(event, context):
    """One line longer than CloudWatch takes, and one without an end."""
    sys.stdout.write("x" * 300_000 + "\n" + "the last word")
    sys.stdout.flush()
    return {}


def delegate(event, context):
    """Let a child work."""
    work = f"import time\nwhile time.process_time() < {event['cpu_s']}: pass"
    subprocess.run([sys.executable, "-c", work], check=True)
    return {}


def fail_if(event, context):
    if event["fail"]:
        raise BusyError("as asked")
    return {}


def count(event, context):
    """Leaves a file per call; fails while there is a file that says so."""
    folder, word = event["folder"], event["word"]
    with open(os.path.join(folder, f"{word}.call-{time.monotonic_ns()}"), "w"):
        pass
    time.sleep(event.get("seconds", 0))
    if os.path.exists(os.path.join(folder, f"{word}.fail")):
        raise BusyError(f"{word} is to fail")
    return word


def hear(event, context):
    with open(os.environ["HEARD"], "a") as file:
        file.write(json.dumps(event) + "\n")
    return {}
