"""Runs first after every start. Nothing here may fail: without it the cable is the only way in."""

import gc

gc.enable()
