"""network: one access point called "home", away at times."""

import world

STA_IF = 0
AP_IF = 1
AUTH_WPA2_PSK = 3
NAME = "home"
PASSWORD = "correct horse"
JOIN_MS = 1500


class WLAN:
    def __init__(self, interface):
        self._is_active = False
        self._joined_ms = None

    def active(self, is_active=None):
        if is_active is None:
            return self._is_active
        self._is_active = is_active
        if not is_active:
            self._joined_ms = None
        return None

    def config(self, name=None, **settings):
        return b"\x00\x00\x00\x00\xab\xcd" if name == "mac" else None

    def scan(self):
        return [] if world.is_within(world.wifi_down) else [(NAME.encode(), b"", 6, -61, 3, False)]

    def connect(self, name, password):
        self._joined_ms = world.now_ms + JOIN_MS if (name, password) == (NAME, PASSWORD) else None

    def disconnect(self):
        self._joined_ms = None

    def isconnected(self):
        if world.is_within(world.wifi_down):
            self._joined_ms = None
        return self._is_active and self._joined_ms is not None and world.now_ms >= self._joined_ms
