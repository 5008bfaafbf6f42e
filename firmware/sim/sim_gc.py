"""gc that does nothing: this build's collector frees what functions still hold."""


def collect():
    pass
