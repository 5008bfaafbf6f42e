"""The server cannot be convinced; after a minute somebody looks."""

import whole


def run(root):
    whole.run(root, limit_ms=60_000)
