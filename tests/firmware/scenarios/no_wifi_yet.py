"""Nobody knows the date while the talk is heard; the network comes half a minute later."""

import whole

import world


def run(root):
    world.wifi_down = [(0, 30_000)]
    whole.run(root)
