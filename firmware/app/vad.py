"""Decides from one loudness per block (63.6 ms) when to record.

The threshold follows the room: the floor falls to every quieter block at once and rises by about 10 % a
second, so a fan that starts is forgotten after half a minute and quiet speech in a quiet room is heard. Works
on mean squares in whole numbers: the same decisions on every Python.
"""

QUIETEST_RMS = 40  # below this a 16-bit microphone hears its own noise
START_BLOCKS = 2  # a click is shorter
HANG_BLOCKS = 47  # 3 s: pauses inside a talk
RISE_PERMILLE = 12  # of the mean square, per block: 10 % of the amplitude per second


class Vad:
    def __init__(self, threshold_pct=200, fixed_rms=0):
        """
        Args:
            threshold_pct: Amplitude over the floor that counts as speech; 200 is twice the floor.
            fixed_rms: Not 0: no floor, everything louder than this counts.
        """
        self.floor = QUIETEST_RMS * QUIETEST_RMS
        self.is_active = False
        self._fixed = fixed_rms * fixed_rms
        self._factor_pct = threshold_pct * threshold_pct // 100
        self._loud_run = 0
        self._quiet_run = 0

    @property
    def threshold(self):
        if self._fixed:
            return self._fixed
        return max(QUIETEST_RMS * QUIETEST_RMS, self.floor * self._factor_pct // 100)

    def update(self, mean_square):
        """Take the next block; returns whether it belongs to a recording."""
        is_loud = mean_square >= self.threshold
        self.floor = min(mean_square, self.floor + self.floor * RISE_PERMILLE // 1000 + 1)
        self._loud_run = self._loud_run + 1 if is_loud else 0
        self._quiet_run = 0 if is_loud else self._quiet_run + 1
        if self.is_active:
            self.is_active = self._quiet_run < HANG_BLOCKS
        else:
            self.is_active = self._loud_run >= START_BLOCKS
        return self.is_active

    def reset(self):
        self.is_active = False
        self._loud_run = self._quiet_run = 0
