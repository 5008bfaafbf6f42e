"""The flash has room for one short chunk and no network to empty it."""

import whole

import world


def run(root):
    world.wifi_down = [(0, 10**9)]
    world.free_bytes = 65_536 + 164 * 512 + 4096
    whole.run(root, limit_ms=45_000)
