"""One button. Short: mute on or off. Long: the settings page."""

from machine import Pin

BOUNCE_MS = 30
LONG_MS = 5_000

SHORT = "short"
LONG = "long"


class Button:
    def __init__(self, pin_number):
        """
        Args:
            pin_number: Pressed pulls it to ground; None: the board has no button.
        """
        self._pin = None if pin_number is None else Pin(pin_number, Pin.IN, Pin.PULL_UP)
        self._since_ms = None
        self._is_told = False

    def poll(self, now_ms):
        """SHORT when let go in time, LONG once while still held, else None."""
        if self._pin is None:
            return None
        if self._pin.value() == 0:
            if self._since_ms is None:
                self._since_ms, self._is_told = now_ms, False
            if not self._is_told and now_ms - self._since_ms >= LONG_MS:
                self._is_told = True
                return LONG
            return None
        was_ms, self._since_ms = self._since_ms, None
        if was_ms is None or self._is_told or now_ms - was_ms < BOUNCE_MS:
            return None
        return SHORT
