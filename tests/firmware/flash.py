"""A flash that loses power: after a given number of changes everything stops, as it stands."""

from __future__ import annotations

import io
from collections.abc import Iterator


class PowerCut(BaseException):
    """Not an Exception: no handler of the firmware may survive it."""


class Flash:
    """Takes the place of disk.Disk.

    Args:
        keeps_unflushed: False as littlefs, which forgets what was written since the last flush or close; True
            as a card with FAT, where every write may already be there, the last one half.
        room_bytes: Size of the file system.
    """

    def __init__(self, *, keeps_unflushed: bool = False, room_bytes: int = 1 << 24) -> None:
        self.files: dict[str, bytes] = {}
        self.keeps_unflushed = keeps_unflushed
        self.room_bytes = room_bytes
        self.changes = 0
        self.cut_after: int | None = None

    def _change(self) -> None:
        if self.cut_after is not None and self.changes >= self.cut_after:
            raise PowerCut
        self.changes += 1

    def open(self, path: str, mode: str = "rb") -> io.BytesIO:
        if mode == "wb":
            self._change()
            self.files[path] = b""
            return _Writer(self, path)
        if path not in self.files:
            raise OSError(2)
        return io.BytesIO(self.files[path])

    def list(self, folder: str) -> Iterator[str]:
        yield from [p.rsplit("/", 1)[1] for p in list(self.files) if p.rsplit("/", 1)[0] == folder]

    def read_bytes(self, path: str) -> bytes:
        return self.open(path).read()

    def replace(self, path: str, content: bytes) -> None:
        with self.open(path + ".new", "wb") as file:
            file.write(content)
        self.rename(path + ".new", path)

    def size_bytes(self, path: str) -> int:
        return len(self.files[path])

    def rename(self, old: str, new: str) -> None:
        self._change()
        self.files[new] = self.files.pop(old)

    def remove(self, path: str) -> None:
        self._change()
        del self.files[path]

    def make_folder(self, path: str) -> None:
        pass

    def free_bytes(self) -> int:
        return self.room_bytes - sum(len(content) for content in self.files.values())


class _Writer(io.BytesIO):
    def __init__(self, flash: Flash, path: str) -> None:
        super().__init__()
        self._flash, self._path, self._waiting = flash, path, b""

    def write(self, content: bytes) -> int:
        content, flash = bytes(content), self._flash
        if len(content) > flash.free_bytes():
            raise OSError(28)
        if flash.keeps_unflushed:
            half = content[: len(content) // 2]
            flash.files[self._path] += half
            flash._change()
            flash.files[self._path] += content[len(half) :]
        else:
            flash._change()
            self._waiting += content
        return len(content)

    def flush(self) -> None:
        if self._waiting:
            self._flash._change()
            self._flash.files[self._path] += self._waiting
            self._waiting = b""

    def close(self) -> None:
        if not self.closed:
            self.flush()
        super().close()
