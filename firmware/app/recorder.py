"""Blocks in, files out: what the voice detection wants kept, with the second before it."""

from array import array

from app import kernels, wav

RING_BLOCKS = 16  # pre-roll of 1.02 s, kept encoded: 8 KB instead of 32 KB
WRITE_BLOCKS = 8  # one flash sector of 4 KB; what a power cut can take


class Recorder:
    """Turns microphone blocks into chunks of a talk. Owns its buffers: nothing grows while it runs."""

    def __init__(self, store, vad, shift, is_wide, chunk_blocks):
        """
        Args:
            shift: The gain, as kernels.SHIFT wants it.
            chunk_blocks: Longest chunk; a longer talk becomes several chunks of one session.
        """
        self.store = store
        self.vad = vad
        self.chunk_blocks = chunk_blocks
        self.state = array("i", [0] * kernels.STATE_SLOTS)
        self.state[kernels.SAMPLES] = wav.BLOCK_SAMPLES
        self.state[kernels.SHIFT] = shift
        self.state[kernels.IS_WIDE] = is_wide
        self.clipped_blocks = 0
        self._pcm = array("H", bytes(2 * wav.BLOCK_SAMPLES))
        self._ring = memoryview(bytearray(RING_BLOCKS * wav.BLOCK_BYTES))
        self._head = 0  # slot that the next block takes
        self._waiting = 0  # blocks in the ring that are not in a file
        self._blocks = 0  # of the open chunk, those in the ring included
        self._limit = 0
        self._chunk = self._path = None
        self._is_talk = False  # a talk that cannot be stored is a talk as well

    @property
    def is_recording(self):
        return self._chunk is not None

    def add(self, raw, end_ms):
        """Take one block of microphone words.

        Args:
            end_ms: When its last sample was taken, in milliseconds since boot.
        """
        state = self.state
        kernels.condition(raw, self._pcm, state)
        at = self._head * wav.BLOCK_BYTES
        kernels.encode_block(self._pcm, self._ring[at : at + wav.BLOCK_BYTES], state, kernels.STEPS)
        self._head = (self._head + 1) % RING_BLOCKS
        self._waiting = min(self._waiting + 1, RING_BLOCKS)
        self.clipped_blocks += state[kernels.CLIPPED] > 0
        squares = (state[kernels.SQUARES_HIGH] << 12) + state[kernels.SQUARES_LOW]
        if self.vad.update(squares // wav.BLOCK_SAMPLES):
            self._keep(end_ms)
        elif self._is_talk:
            self._blocks += 1
            self.finish()

    def _keep(self, end_ms):
        if not self._is_talk:
            self._is_talk = True
            self._blocks = self._waiting
            self._open(end_ms, is_new_session=True)
        else:
            self._blocks += 1
        if self._waiting >= WRITE_BLOCKS:
            self._write()
        if self._blocks >= self._limit:
            self._close()
            self._blocks = 0
            self._open(end_ms, is_new_session=False)

    def _open(self, end_ms, is_new_session):
        start_ms = end_ms - wav.to_ms(self._blocks)
        self._limit = self.chunk_blocks
        try:
            self._chunk, self._path, free_blocks = self.store.create(start_ms, is_new_session)
            self._limit = min(self._limit, free_blocks)
        except OSError:  # full: the talk goes on, and is counted as lost
            self._chunk = None

    def _write(self):
        """Append what waits in the ring, at most two pieces; flushing makes it survive a power cut."""
        count = self._waiting
        first = (self._head - count) % RING_BLOCKS
        stop = first + count
        self._waiting = 0
        if self._chunk is None:
            return
        try:
            self._chunk.write(self._ring[first * wav.BLOCK_BYTES : min(stop, RING_BLOCKS) * wav.BLOCK_BYTES])
            if stop > RING_BLOCKS:
                self._chunk.write(self._ring[: (stop - RING_BLOCKS) * wav.BLOCK_BYTES])
            self._chunk.flush()
        except OSError:  # full in spite of the reserve, or a worn flash: keep what is in the file
            self.store.commit(self._chunk, self._path)
            self._chunk = None
            self._blocks = count  # what is lost from here on

    def _close(self):
        self._write()
        if self._chunk is None:
            self.store.count_lost(wav.to_ms(self._blocks))
        else:
            self.store.commit(self._chunk, self._path)
        self._chunk = None

    def finish(self):
        """End the talk: at silence, before sleep, when muted."""
        if self._is_talk:
            self._close()
        self._is_talk = False
        self._waiting = self._blocks = 0
        self.vad.reset()
