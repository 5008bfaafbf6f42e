"""Puts the simulated modules where the firmware imports the ESP32's. To be imported before it."""

import sys

NAMES = ("gc", "time", "os", "machine", "network", "esp32", "ntptime", "socket", "ssl")

for name in NAMES:
    sys.modules[name] = __import__("sim_" + name)
