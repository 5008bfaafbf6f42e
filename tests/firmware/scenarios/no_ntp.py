"""The network has no NTP: the server's Date header dates the recordings."""

import whole

import world


def run(root):
    world.has_ntp = False
    whole.run(root)
