"""The thin modules, over the simulated hardware."""

import pytest

from app import capture, led, net, power
from app.button import LONG, LONG_MS, SHORT, Button
from app.config import Config
from app.wav import to_ms
from tests.firmware.sound import write_wav
from tests.firmware.talks import Ticks, silence

BOARD = {
    "microphone": {"sck": 1, "ws": 2, "sd": 3, "bits": 32, "buffer_blocks": 8, "dma_bytes": 8192},
    "battery": {"pin": 1, "divider_permille": 500},
    "led": {"pin": 2, "kind": "plain"},
}


class WorldTicks(Ticks):
    def __init__(self, world):
        self._world = world

    @property
    def now_ms(self):
        return self._world.now_ms


@pytest.fixture
def microphone(world, tmp_path):
    import sim_machine

    sim_machine.sound = str(write_wav(tmp_path / "sound.wav", silence(1)))
    part = capture.Capture(BOARD, WorldTicks(world).clock())
    yield part
    part.stop()


def turn(world, microphone, seconds: float, step_ms: int = 10) -> list[int]:
    ends = []
    for _ in range(int(seconds * 1000 / step_ms)):
        world.advance(step_ms)
        ends += [end_ms for _, end_ms in microphone.blocks()]
    return ends


def test_capture_gives_every_block_once_and_in_time(world, microphone):
    microphone.start()
    ends = turn(world, microphone, 10)
    assert ends == [to_ms(8 * (n // 8)) + to_ms(n % 8 + 1) for n in range(len(ends))]
    assert len(ends) == pytest.approx(10 / 0.0636, abs=9)
    assert microphone.gap_ms == 0


@pytest.mark.parametrize(("stall_ms", "loses"), [(900, False), (1_000, False), (2_500, True)])
def test_a_stall_shorter_than_two_buffers_loses_nothing(world, microphone, stall_ms, loses):
    """Two buffers of 508 ms are with the driver; its interrupt runs on while the program stands still."""
    microphone.start()
    turn(world, microphone, 3)
    world.advance(0)
    for _ in range(stall_ms // 10):
        world.advance(10)
    turn(world, microphone, 8)
    assert (microphone.gap_ms > 0) == loses
    if loses:
        assert microphone.gap_ms == pytest.approx(stall_ms - 1_016, abs=700)


def test_a_microphone_that_falls_silent_is_started_anew(world, microphone):
    world.microphone_hangs_ms = 2_000
    microphone.start()
    turn(world, microphone, 6)
    heard = microphone.heard
    turn(world, microphone, 6)
    assert microphone.heard > heard + 5


@pytest.mark.parametrize(
    ("millivolts", "percent"), [(3000, 0), (3300, 0), (3600, 10), (3750, 37), (4150, 100), (4300, 100)]
)
def test_the_battery_follows_the_cells_curve(world, millivolts, percent):
    world.battery_mv = millivolts * 0.5
    assert power.Battery(BOARD).percent() == percent


def test_a_board_without_a_battery_has_no_level():
    assert power.Battery({"battery": None}).percent() is None


def test_every_state_has_a_pattern_and_looks_different():
    assert set(led.STATES) == set(led.PATTERNS)
    seen = {(colour, rhythm) for colour, rhythm in led.PATTERNS.values()}
    assert len(seen) == len(led.STATES)
    assert all(led.is_lit("recording", ms) for ms in range(0, 5000, 100))


def test_a_short_press_a_long_press_and_a_bounce(world):
    button = Button(0)
    world.pressed = [(100, 110), (500, 800), (2_000, 2_000 + LONG_MS + 500)]
    told = []
    for _ in range(1000):
        world.advance(10)
        if press := button.poll(world.now_ms):
            told.append((world.now_ms, press))
    assert told == [(800, SHORT), (2_000 + LONG_MS, LONG)]


def test_the_strongest_known_network_is_tried_first():
    found = [
        (b"cafe", b"", 1, -80),
        (b"home", b"", 1, -70),
        (b"office", b"", 6, -50),
        (b"home", b"", 11, -40),
    ]
    known = [["hidden", "a"], ["office", "b"], ["home", "c"]]
    assert [name for name, _ in net.rank_networks(found, known)] == ["home", "office", "hidden"]


def finish(world, generator):
    while True:
        try:
            world.advance(next(generator) or 10)
        except StopIteration as stop:
            return stop.value


@pytest.fixture
def wifi(world):
    config = Config({"networks": [["gone", "12345678"], ["home", "correct horse"]]})
    world.rtc_utc_ms = None
    return net.Wifi(config, WorldTicks(world).clock())


def test_wifi_joins_what_it_knows_and_switches_off_when_idle(world, wifi):
    assert finish(world, wifi.bring_up()) is True
    assert wifi.name == "home"
    wifi.rest()
    assert wifi._wlan.active()
    world.advance(net.IDLE_OFF_MS + 1)
    wifi.rest()
    assert not wifi._wlan.active()


def test_without_a_network_the_radio_is_off_again(world, wifi):
    world.wifi_down = [(0, 10**9)]
    assert finish(world, wifi.bring_up()) is False
    assert not wifi._wlan.active()


def test_a_new_network_with_a_wrong_password_is_reported(world, wifi):
    assert finish(world, wifi.join("home", "wrong password")) is False
