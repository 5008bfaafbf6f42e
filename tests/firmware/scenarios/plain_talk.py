"""One talk is heard and sent."""

import whole


def run(root):
    whole.run(root)
