"""The button is pressed before anybody speaks."""

import whole

import world


def run(root):
    world.pressed = [(100, 300)]
    whole.run(root, button=0)
