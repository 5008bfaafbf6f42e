"""os, with dice and with a flash of limited size."""

import os

import bridge
import world

ilistdir = getattr(os, "ilistdir", None)
listdir = os.listdir
stat = os.stat
rename = os.rename
remove = os.remove
mkdir = os.mkdir
BLOCK_BYTES = 4096

if ilistdir is None:

    def ilistdir(path):
        for name in os.listdir(path):
            yield (name,)


def urandom(count):
    return bridge.to_bytes(bridge.call("random", count))


def _used(path):
    total = 0
    for entry in ilistdir(path):
        if entry[0].count("-") == 3:
            total += -(-os.stat(path + "/" + entry[0])[6] // BLOCK_BYTES)
    return total


def statvfs(path):
    blocks = world.free_bytes // BLOCK_BYTES
    return (BLOCK_BYTES, BLOCK_BYTES, blocks, blocks - _used(path + "/rec"))
