"""A device without settings opens its page; whoever fills it in is in another thread."""

import whole


def run(root):
    whole.run(root, ends_when_sent=False)
