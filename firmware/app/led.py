"""The language of the light. With one colour or three, the rhythm alone tells the states apart."""

from machine import Pin

RED, GREEN, BLUE, YELLOW, WHITE = (40, 0, 0), (0, 40, 0), (0, 0, 40), (40, 25, 0), (25, 25, 25)
TICK_MS = 125
# What the device can say, the most urgent first; MicroPython's dictionaries keep no order.
STATES = (
    "portal",
    "no microphone",
    "key refused",
    "storage full",
    "battery low",
    "muted",
    "recording",
    "sending",
    "listening",
)
PATTERNS = {  # colour and rhythm, one character per TICK_MS
    "portal": (WHITE, "#.#.#.#."),
    "no microphone": (RED, "#"),
    "key refused": (RED, "#.#.#......."),
    "storage full": (RED, "##......"),
    "battery low": (YELLOW, "#..............."),
    "muted": (YELLOW, "##" + "." * 30),
    "recording": (GREEN, "#"),
    "sending": (BLUE, "#.."),
    "listening": (GREEN, "#" + "." * 31),
}


def is_lit(state, now_ms):
    rhythm = PATTERNS[state][1]
    return rhythm[now_ms // TICK_MS % len(rhythm)] == "#"


class Led:
    def __init__(self, board):
        self._is_lit = None
        self._pixel = self._pin = None
        if board["led"] is None:
            return
        pin = Pin(board["led"]["pin"], Pin.OUT)
        if board["led"]["kind"] == "neopixel":
            from neopixel import NeoPixel

            self._pixel = NeoPixel(pin, 1)
        else:
            self._pin = pin
            self._is_inverted = board["led"]["kind"] == "inverted"

    def show(self, state, now_ms):
        lit = is_lit(state, now_ms)
        if (state, lit) == self._is_lit:
            return
        self._is_lit = (state, lit)
        if self._pixel is not None:
            self._pixel[0] = PATTERNS[state][0] if lit else (0, 0, 0)
            self._pixel.write()
        elif self._pin is not None:
            self._pin.value(lit != self._is_inverted)
