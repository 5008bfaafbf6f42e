"""Battery level and sleep."""

import machine
from machine import ADC, Pin

# A lithium cell at rest: millivolts and per cent; straight lines between.
CURVE = ((3300, 0), (3600, 10), (3700, 25), (3800, 50), (3950, 75), (4150, 100))
LOW_PCT = 10
READINGS = 8


def to_percent(millivolts):
    below_mv, below_pct = CURVE[0]
    for mv, pct in CURVE:
        if millivolts < mv:
            return below_pct + (pct - below_pct) * max(0, millivolts - below_mv) // max(1, mv - below_mv)
        below_mv, below_pct = mv, pct
    return 100


class Battery:
    def __init__(self, board):
        """
        Args:
            board: "battery" is null, or {"pin", "divider_permille"}: what the pin sees of 1,000 mV.
        """
        self._adc = None
        if board["battery"] is not None:
            self._adc = ADC(Pin(board["battery"]["pin"]))
            self._permille = board["battery"]["divider_permille"]

    def percent(self):
        """None on a board without a battery."""
        if self._adc is None:
            return None
        microvolts = sum(self._adc.read_uv() for _ in range(READINGS)) // READINGS
        return to_percent(microvolts // self._permille)


def sleep(minutes, button_pin):
    """Deep sleep; the button wakes as well where the chip can do that. The next start is a new boot."""
    if button_pin is not None:
        try:
            import esp32

            esp32.wake_on_ext0(Pin(button_pin, Pin.IN, Pin.PULL_UP), esp32.WAKEUP_ALL_LOW)
        except (AttributeError, ValueError):  # the C3 has no ext0, and not every pin can wake
            pass
    machine.deepsleep(minutes * 60_000)
