"""Asks the machine that runs the simulation. Works in MicroPython and, with a `host` module, in CPython."""

import binascii
import json

import host


def call(name, *args):
    answer = json.loads(host.call(name, json.dumps({"args": args})))
    if not answer["ok"]:
        raise OSError(answer["error"])
    return answer["value"]


def say(**what):
    call("say", what)


def to_text(content):
    return binascii.b2a_base64(content).decode().strip()


def to_bytes(text):
    return binascii.a2b_base64(text)
