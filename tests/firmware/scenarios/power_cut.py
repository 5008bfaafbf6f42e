"""The power goes in the middle of a word."""

import whole


def run(root):
    whole.run(root, cut_ms=2_400)
