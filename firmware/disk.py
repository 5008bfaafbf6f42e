"""The flash or card, as the rest of the firmware sees it. A test's file system takes its place."""

import os


class Disk:
    def __init__(self, root=""):
        self._root = root

    def open(self, path, mode="rb"):
        return open(self._root + path, mode)

    def list(self, folder):
        """Names in a folder, one by one: a thousand of them do not fit into the heap."""
        if hasattr(os, "ilistdir"):
            for entry in os.ilistdir(self._root + folder):
                yield entry[0]
        else:
            yield from os.listdir(self._root + folder)

    def read_bytes(self, path):
        """A small file that `replace` wrote. Raises OSError where there is no such file."""
        for candidate in (path, path + ".new"):
            try:
                with self.open(candidate) as file:
                    return file.read()
            except OSError as error:
                missing = error
        raise missing

    def replace(self, path, content):
        """Write a small file so that a power cut leaves the old content or the new, never half of it."""
        with self.open(path + ".new", "wb") as file:
            file.write(content)
        try:
            self.rename(path + ".new", path)
        except OSError:  # FAT, the file system of cards, renames onto nothing only
            self.remove(path)
            self.rename(path + ".new", path)

    def size_bytes(self, path):
        return os.stat(self._root + path)[6]

    def rename(self, old, new):
        os.rename(self._root + old, self._root + new)

    def remove(self, path):
        os.remove(self._root + path)

    def make_folder(self, path):
        try:
            os.mkdir(self._root + path)
        except OSError as error:
            if error.args[0] not in (17, 20):  # EEXIST; WASI's number for it
                raise

    def free_bytes(self):
        status = os.statvfs(self._root or "/")
        return status[0] * status[3]

    def total_bytes(self):
        status = os.statvfs(self._root or "/")
        return status[0] * status[2]
