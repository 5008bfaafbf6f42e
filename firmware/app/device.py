"""Puts the parts together and turns the wheel: hear, keep, send, show.

The main loop serves microphone, button and light and never waits for the network. Whatever waits is one
generator, `_errands`: on boards with threads it runs in one, elsewhere the loop takes a step each turn.
"""

import gc
import json
import os
import time

import esp32
import machine

import slots
from app import VERSION, config, wav
from app.button import LONG, SHORT, Button
from app.capture import Capture
from app.clock import Clock
from app.http import Client
from app.led import STATES, Led
from app.net import Connector, Wifi
from app.power import LOW_PCT, Battery, sleep
from app.recorder import Recorder
from app.store import Store
from app.upload import Uploader
from app.vad import Vad

FOLDER = "/rec"
TURN_MS = 10
MINUTE_MS = 60_000
EMPTY_PCT = 2  # sleep before the cell is hurt
EMPTY_SLEEP_MIN = 60
DEAF_MS = 30_000  # no sound for so long: let the watchdog start everything anew
WATCHDOG_MS = 60_000
HEALTHY_BUFFERS = 10
UPDATE_EVERY_MS = 86_400_000
THREAD_STACK_BYTES = 16_384  # TLS needs 8 KB of it
UNNAMED = "unnamed"


def count_boot(nvs):
    """The number of this boot. Starts at random: ids stay unique after a flash was erased as well."""
    try:
        boot = nvs.get_i32("boot") + 1
    except OSError:
        boot = int.from_bytes(os.urandom(3), "big") << 7
    nvs.set_i32("boot", boot)
    nvs.commit()
    return boot


def load_config(disk):
    """Damaged settings do not stop the recording; they open the settings page."""
    try:
        return config.load(disk)
    except ValueError as error:
        print("config.json:", error)
        return config.Config({})


def to_shift(gain_db, is_wide):
    """The gain in steps of 6 dB as kernels.SHIFT: right by 16 bits less the gain, or left by the gain."""
    return 16 - gain_db // 6 if is_wide else gain_db // 6


class Device:
    def __init__(self, disk):
        self.disk = disk
        self.board = json.loads(disk.read_bytes("/board.json"))
        self.config = load_config(disk)
        self.nvs = esp32.NVS("rem")
        self.clock = Clock(time.ticks_ms, time.ticks_diff)
        self.store = Store(disk, FOLDER, self.config.device or UNNAMED, count_boot(self.nvs), self.clock)
        self.store.keeps_sent = self.config.keep_sent
        self.capture = Capture(self.board, self.clock)
        self.recorder = self._build_recorder()
        self.wifi = Wifi(self.config, self.clock)
        self.connect = Connector(disk, self.config.ca)
        self.uploader = None
        if self.config.is_complete:
            client = Client(self.config.server, self.config.key, self.connect)
            self.uploader = Uploader(self.store, self.clock, client, self.wifi, VERSION)
        self.led = Led(self.board)
        self.button = Button(self.board["button"])
        self.battery = Battery(self.board)
        self.battery_pct = self.battery.percent()
        self.is_muted = self._load_mute()
        self.is_portal = not self.config.is_complete
        self.wants_restart = False
        self._is_healthy = False
        self._crash = None
        self._minute_ms = 0
        self._gap_ms = 0

    def _build_recorder(self):
        settings, microphone = self.config, self.board["microphone"]
        is_wide = microphone["bits"] == 32
        chunk_blocks = wav.to_blocks(settings.chunk_s or self.board["chunk_s"])
        vad = Vad(settings.threshold_pct, settings.fixed_rms)
        return Recorder(self.store, vad, to_shift(settings.gain_db, is_wide), is_wide, chunk_blocks)

    def run(self):
        machine.freq(self.board["cpu_mhz"] * 1_000_000)
        watchdog = machine.WDT(timeout=WATCHDOG_MS)
        step = self._start_errands()
        if not self.is_muted:
            self.capture.start()
        while not self.wants_restart:
            self.turn(step)
            if not self._is_deaf():
                watchdog.feed()
            time.sleep_ms(TURN_MS)
        self.recorder.finish()
        machine.reset()

    def turn(self, step):
        now_ms = self.clock.now_ms()
        for words, end_ms in self.capture.blocks():
            self.recorder.add(words, end_ms)
        step(now_ms)
        if self._crash:
            raise self._crash
        self._press(self.button.poll(now_ms))
        self.led.show(self.state(), now_ms)
        if now_ms - self._minute_ms >= MINUTE_MS:
            self._minute_ms = now_ms
            self._look_around(now_ms)

    def state(self):
        """The first of led.STATES that holds now."""
        uploader = self.uploader
        holds = {
            "portal": self.is_portal,
            "no microphone": self._is_deaf(),
            "key refused": uploader and uploader.is_key_refused,
            "storage full": self.store.is_full,
            "battery low": self.battery_pct is not None and self.battery_pct < LOW_PCT,
            "muted": self.is_muted,
            "recording": self.recorder.is_recording,
            "sending": uploader and uploader.is_sending,
            "listening": True,
        }
        return next(state for state in STATES if holds[state])

    def _is_deaf(self):
        return self.capture.is_running and self.clock.now_ms() - self.capture.heard_ms > DEAF_MS

    # mute

    def _load_mute(self):
        try:
            return self.nvs.get_i32("mute") == 1
        except OSError:
            return False

    def _press(self, press):
        if press == SHORT:
            self.is_muted = not self.is_muted
            self.nvs.set_i32("mute", int(self.is_muted))
            self.nvs.commit()
            if self.is_muted:
                self.capture.stop()
                self.recorder.finish()
            else:
                self.capture.heard_ms = self.clock.now_ms()
                self.capture.start()
        elif press == LONG:
            self.is_portal = True

    # once a minute

    def _look_around(self, now_ms):
        self.battery_pct = self.battery.percent()
        if self.uploader:
            self.uploader.battery_pct = self.battery_pct
        if self.capture.gap_ms != self._gap_ms:
            self.store.count_lost(self.capture.gap_ms - self._gap_ms, chunks=0)
            self._gap_ms = self.capture.gap_ms
        self._mark_healthy()
        self._rest(now_ms)
        gc.collect()
        print(json.dumps(self.report()))

    def report(self):
        """Give the line that the cable says once a minute."""
        return {
            "state": self.state(),
            "waiting": self.store.count("wav"),
            "refused": self.store.count("bad"),
            "lost": self.store.lost["chunks"],
            "gap_ms": self.capture.gap_ms,
            "clipped_blocks": self.recorder.clipped_blocks,
            "free_kb": self.disk.free_bytes() // 1024,
            "battery": self.battery_pct,
            "error": self.uploader.last_error if self.uploader else "not set up",
        }

    def _mark_healthy(self):
        is_good = self.capture.heard >= HEALTHY_BUFFERS and self.uploader and self.uploader.answers
        if is_good and not self._is_healthy:
            self._is_healthy = True
            slots.mark_healthy(self.disk)

    def _rest(self, now_ms):
        """Sleep through the quiet hours and when the battery is empty."""
        minutes = 0
        if self.battery_pct is not None and self.battery_pct <= EMPTY_PCT:
            minutes = EMPTY_SLEEP_MIN
        utc_ms = self.clock.to_utc_ms(now_ms)
        if utc_ms is not None and not self.is_portal:
            minute_of_day = (utc_ms // MINUTE_MS + self.config.utc_offset_min) % 1440
            minutes = max(minutes, config.quiet_left_min(self.config.quiet_min, minute_of_day))
        if minutes:
            self.capture.stop()
            self.recorder.finish()
            sleep(minutes, self.board["button"])

    # what may wait

    def _errands(self):
        """Everything that needs the network, one after the other. Yields milliseconds to wait."""
        uploads = self.uploader.run() if self.uploader else None
        update_due_ms = UPDATE_EVERY_MS if self.config.ota_url else None
        while True:
            if self.is_portal:
                yield from self._open_portal()
            elif update_due_ms is not None and self.clock.now_ms() >= update_due_ms and self.uploader.is_idle:
                update_due_ms = self.clock.now_ms() + UPDATE_EVERY_MS
                yield from self._update()
            yield next(uploads) if uploads else MINUTE_MS

    def _open_portal(self):
        from app.portal import Portal  # 10 KB of heap that are needed once in a device's life

        portal = Portal(self.disk, self.config, self.clock, self.wifi)
        yield from portal.run()
        self.wants_restart = portal.is_done
        self.is_portal = False

    def _update(self):
        from app.update import Downloader, UpdateError, Updater

        client = Downloader(self.config.ota_url, "", self.connect)
        try:
            if (yield from self.wifi.bring_up()):
                updater = Updater(self.disk, client, self.board["arch"], VERSION)
                self.wants_restart = yield from updater.run(self.battery_pct)
        except (OSError, UpdateError) as error:
            print("update:", error)

    def _start_errands(self):
        """Returns what the loop has to call each turn."""
        errands = self._errands()
        if self.board["has_threads"]:
            self._start_thread(errands)
            return lambda now_ms: None
        due_ms = 0

        def step(now_ms):
            nonlocal due_ms
            if now_ms >= due_ms:
                due_ms = now_ms + (next(errands) or 0)

        return step

    def _start_thread(self, errands):
        import _thread

        def work():
            try:
                for wait_ms in errands:
                    time.sleep_ms(wait_ms or 1)
            except Exception as error:  # noqa: BLE001 - handed to the main loop, which starts the device anew
                self._crash = error

        _thread.stack_size(THREAD_STACK_BYTES)
        _thread.start_new_thread(work, ())
