"""Chunks on the flash. The file name is the index: nothing else has to be kept true.

    BOOT-SEQ-FIRST-START[ub].EXT    00c4a1f3-00007-00005-1764038092000u.wav

BOOT counts boots (8 hex digits), SEQ this boot's chunks, FIRST is the first chunk of the same talk, START
milliseconds since 1970 (u) or since boot (b: nobody had said the date). EXT: tmp is being written, wav waits,
bad was refused by the server, sent was acknowledged and is kept because config.json says so.
"""

import json

from app import wav
from app.clock import ESTIMATED, NTP

RESERVE_BYTES = 65_536  # for settings, the lost counter and the file system's own blocks
SMALLEST_CHUNK_BLOCKS = 160  # 10 s: room for less is no room
BATCH = 16  # names held at a time, of however many files there are
LOST = "/lost.json"
NO_SPACE = 28  # ENOSPC, which MicroPython's errno lacks


class Entry:
    """The facts in the name of a chunk."""

    def __init__(self, name):
        stem, self.extension = name.rsplit(".", 1)
        boot, seq, first, start = stem.split("-")
        self.name = name
        self.boot = int(boot, 16)
        self.seq = int(seq)
        self.first = int(first)
        self.has_date = start[-1] == "u"
        self.start_ms = int(start[:-1])

    def key(self):
        """The part of the name that never changes: order, and identity within the device."""
        return self.name[:14]


def is_chunk(name, extension):
    return name.endswith("." + extension) and name.count("-") == 3


class Audio:
    """The whole blocks of a chunk, without its header and without the torn block that a power cut left."""

    def __init__(self, file, blocks):
        self._file = file
        self.blocks = blocks
        self.close = file.close
        self.seek(0)

    def tell(self):
        return self.blocks * wav.BLOCK_BYTES - self._left

    def seek(self, position):
        self._file.seek(wav.HEADER_BYTES + position)
        self._left = self.blocks * wav.BLOCK_BYTES - position

    def readinto(self, buffer):
        count = self._file.readinto(memoryview(buffer)[: min(self._left, len(buffer))])
        self._left -= count
        return count


class Store:
    def __init__(self, disk, folder, device_id, boot, clock):
        """Find what is there. A chunk that a power cut left open becomes one that waits, as long as it is."""
        self._disk = disk
        self._folder = folder
        self._clock = clock
        self.device_id = device_id
        self.boot = boot
        self.keeps_sent = False
        self.is_full = False
        self._seq = self._first = 0
        self._batch = []
        disk.make_folder(folder)
        self.lost = self._load_lost()
        self._recover()

    def _recover(self):
        while True:  # a rename while the folder is being listed may hide its next file
            name = self._find("tmp")
            if name is None:
                return
            self._settle(self._path(name))

    def _settle(self, path):
        if wav.count_blocks(self._disk.size_bytes(path)):
            self._disk.rename(path, path[:-3] + "wav")
        else:
            self._disk.remove(path)

    # recording

    def create(self, start_ms, is_new_session):
        """Open the next chunk.

        Args:
            start_ms: Milliseconds since boot.

        Returns:
            Its file, its path, and how many blocks it may have.

        Raises:
            OSError: no space; the oldest unsent recordings are kept, the new one has no place.
        """
        self._seq += 1
        if is_new_session:
            self._first = self._seq
        blocks = self._make_room()
        utc_ms = self._clock.to_utc_ms(start_ms) if self._clock.is_exact else None
        start = f"{start_ms}b" if utc_ms is None else f"{utc_ms}u"
        path = self._path(f"{self.boot:08x}-{self._seq:05d}-{self._first:05d}-{start}.tmp")
        file = self._disk.open(path, "wb")
        file.write(wav.make_header(None))
        return file, path, blocks

    def _make_room(self):
        blocks = self._free_blocks()
        for extension in ("sent", "bad"):
            while blocks < SMALLEST_CHUNK_BLOCKS:
                name = self._find(extension)
                if name is None:
                    break
                if extension == "bad":
                    self.count_lost(wav.to_ms(self._blocks_of(name)))
                self._disk.remove(self._path(name))
                blocks = self._free_blocks()
        self.is_full = blocks < SMALLEST_CHUNK_BLOCKS
        if self.is_full:
            raise OSError(NO_SPACE)
        return blocks

    def _free_blocks(self):
        return (self._disk.free_bytes() - RESERVE_BYTES) // wav.BLOCK_BYTES

    def commit(self, file, path):
        """The chunk is whole: from here on it waits for its upload. A rename, so there is no half way."""
        try:
            file.close()
        except OSError:  # no room for the last bytes: those before them are on the flash
            pass
        self._settle(path)

    def count_lost(self, ms, chunks=1):
        """Remember that sound could not be kept; the server is told with every upload.

        Args:
            chunks: How many numbers of the sequence it took; the server's ledger counts on them.
        """
        self.lost = {"chunks": self.lost["chunks"] + chunks, "ms": self.lost["ms"] + ms}
        try:
            self._disk.replace(LOST, json.dumps(self.lost).encode())
        except OSError:  # not even the reserve is left: the count holds until the next boot
            pass

    def _load_lost(self):
        try:
            lost = json.loads(self._disk.read_bytes(LOST))
            return {"chunks": int(lost["chunks"]), "ms": int(lost["ms"])}
        except (OSError, ValueError, KeyError, TypeError):
            return {"chunks": 0, "ms": 0}

    # uploading

    def next_waiting(self):
        """The oldest chunk that waits for its upload (an Entry), or None."""
        if not self._batch:
            self._batch = self._oldest("wav", BATCH)
        return Entry(self._batch[0]) if self._batch else None

    def count(self, extension):
        """Count chunks that wait ("wav"), were refused ("bad") or are kept ("sent")."""
        return sum(is_chunk(name, extension) for name in self._disk.list(self._folder))

    def open_audio(self, entry):
        return Audio(self._disk.open(self._path(entry.name)), self._blocks_of(entry.name))

    def recording_id(self, entry):
        return f"{self.device_id}-{entry.boot:08x}-{entry.seq:05d}"

    def session_id(self, entry):
        return f"{self.device_id}-{entry.boot:08x}-{entry.first:05d}"

    def times(self, entry):
        """Start and end in milliseconds since 1970, and whether a clock said so: (start, end, source).

        A chunk of this boot gets the date that came after it. One of an earlier boot that never learned the
        date is placed as if the device had been off for no time: not later than it was, and marked.
        """
        span_ms = wav.to_ms(self._blocks_of(entry.name))
        if entry.has_date:
            start_ms, source = entry.start_ms, NTP
        elif entry.boot == self.boot:
            start_ms, source = self._clock.to_utc_ms(entry.start_ms), self._clock.source or ESTIMATED
        else:
            start_ms, source = self._clock.to_utc_ms(entry.start_ms - self._span_ms(entry.boot)), ESTIMATED
        return start_ms, start_ms + span_ms, source

    def _span_ms(self, boot):
        """From that boot to the end of its last chunk on the flash; boots in between are not known."""
        end_ms = 0
        for name in self._disk.list(self._folder):
            if is_chunk(name, "wav") and not Entry(name).has_date and Entry(name).boot == boot:
                end_ms = max(end_ms, Entry(name).start_ms + wav.to_ms(self._blocks_of(name)))
        return end_ms

    def acknowledge(self, entry):
        """The server has it."""
        self._retire(entry, "sent" if self.keeps_sent else None)

    def quarantine(self, entry):
        """The server will never take it: keep it out of the queue's way, and keep it."""
        self._retire(entry, "bad")

    def _retire(self, entry, extension):
        path = self._path(entry.name)
        if extension:
            self._disk.rename(path, path[:-3] + extension)
        else:
            self._disk.remove(path)
        self.is_full = False
        self._batch = [name for name in self._batch if name != entry.name]

    def resend(self, recording_ids):
        """Put chunks that the server misses back into the queue; returns how many there were."""
        found = []
        for name in self._disk.list(self._folder):
            if (is_chunk(name, "sent") or is_chunk(name, "bad")) and self.recording_id(
                Entry(name)
            ) in recording_ids:
                found.append(name)
        for name in found:
            path = self._path(name)
            self._disk.rename(path, path.rsplit(".", 1)[0] + ".wav")
        self._batch = []
        return len(found)

    # names

    def _path(self, name):
        return self._folder + "/" + name

    def _blocks_of(self, name):
        return wav.count_blocks(self._disk.size_bytes(self._path(name)))

    def _find(self, extension):
        names = self._oldest(extension, 1)
        return names[0] if names else None

    def _oldest(self, extension, count):
        """The first `count` names in order, without holding the others."""
        oldest = []
        for name in self._disk.list(self._folder):
            if is_chunk(name, extension) and (len(oldest) < count or name < oldest[-1]):
                oldest.append(name)
                oldest.sort()
                del oldest[count:]
        return oldest
