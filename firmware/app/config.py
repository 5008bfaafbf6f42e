"""The settings of one device: config.json, written by the portal or by `mpremote cp`."""

import json

from app.http import split_url

PATH = "/config.json"
DEFAULTS = {
    "server": "",  # https://… or, at home, http://192.168.1.5:8787
    "device": "",
    "key": "",  # may send recordings of this one device, nothing else; revoked on the server
    "networks": [],  # [["name", "password"], …]; the strongest in reach is used
    "gain_db": 18,  # before the encoder, in steps of 6
    "threshold_pct": 200,  # amplitude over the room's own noise that counts as speech
    "fixed_rms": 0,  # not 0: a fixed threshold instead
    "chunk_s": 0,  # 0: what the board says
    "quiet": [],  # ["22:00", "07:00"]: sleeps, records nothing
    "utc_offset_min": 0,  # for the quiet hours only; recordings carry UTC
    "keep_sent": False,  # keep what the server has until the space is needed
    "ntp": "pool.ntp.org",
    "ca": "/ca.pem",  # who may vouch for the server
    "ota_url": "",  # folder with manifest.json; empty: updates by cable only
}
WHOLE = {"gain_db": (0, 30), "threshold_pct": (110, 1000), "fixed_rms": (0, 20_000), "chunk_s": (0, 300)}
WHOLE["utc_offset_min"] = (-720, 840)
NAME_CHARACTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"


class Config:
    """Every setting as an attribute, checked.

    Raises:
        ValueError: with a sentence for the person who wrote the settings.
    """

    def __init__(self, settings):
        if not isinstance(settings, dict):
            raise ValueError("the settings must be a JSON object")
        for name in settings:
            if name not in DEFAULTS:
                raise ValueError(f"there is no setting {name}")
        for name, default in DEFAULTS.items():
            setattr(self, name, settings.get(name, default))
        for name, (least, most) in WHOLE.items():
            value = getattr(self, name)
            if not isinstance(value, int) or not least <= value <= most:
                raise ValueError(f"{name} must be a whole number from {least} to {most}")
        if self.gain_db % 6:
            raise ValueError("gain_db must be 0, 6, 12, 18, 24 or 30")
        for name in ("server", "device", "key", "ntp", "ca", "ota_url"):
            if not isinstance(getattr(self, name), str):
                raise ValueError(f"{name} must be a text")
        self._check_networks()
        self.quiet_min = [parse_clock(text) for text in self.quiet]
        if len(self.quiet_min) not in (0, 2):
            raise ValueError('quiet must be empty or two times: ["22:00", "07:00"]')
        if self.server:
            split_url(self.server)
        if self.device and (len(self.device) > 40 or not all(c in NAME_CHARACTERS for c in self.device)):
            raise ValueError("device may have up to 40 letters, digits, - and _")

    def _check_networks(self):
        for network in self.networks:
            if len(network) != 2 or not network[0] or (network[1] and len(network[1]) < 8):
                raise ValueError(
                    "each network needs a name and a password of at least 8 characters, or none at all"
                )

    @property
    def is_complete(self):
        return bool(self.server and self.device and self.key and self.networks)


def parse_clock(text):
    """Minutes since midnight of "22:30"."""
    hour, _, minute = text.partition(":")
    if not (hour.isdigit() and minute.isdigit() and int(hour) < 24 and int(minute) < 60):
        raise ValueError(f"not a time of day: {text} (it should look like 22:30)")
    return int(hour) * 60 + int(minute)


def quiet_left_min(quiet_min, minute_of_day):
    """Minutes until the quiet hours end; 0 outside them. They may go over midnight."""
    if not quiet_min or quiet_min[0] == quiet_min[1]:
        return 0
    start, end = quiet_min
    into = (minute_of_day - start) % 1440
    length = (end - start) % 1440
    return length - into if into < length else 0


def load(disk):
    """Config of the device; all defaults where there is none yet.

    Raises:
        ValueError: config.json is damaged or wrong.
    """
    try:
        content = disk.read_bytes(PATH)
    except OSError:
        return Config({})
    return Config(json.loads(content))
