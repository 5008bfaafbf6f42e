"""The whole firmware, from config.json to the last answer of the server."""

import json

import bridge
import world

QUIET_AFTER_MS = 4_500  # the voice detection's hang-over, and a little
LIMIT_MS = 900_000  # a server that never answers
BOARD = {
    "name": "simulator",
    "arch": "sim",
    "flash_mb": 16,
    "cpu_mhz": 160,
    "has_threads": False,
    "microphone": {"sck": 0, "ws": 0, "sd": 0, "bits": 32, "buffer_blocks": 8, "dma_bytes": 16384},
    "chunk_s": 300,
    "button": None,
    "led": None,
    "battery": None,
}


def run(root, limit_ms=LIMIT_MS, cut_ms=None, ends_when_sent=True, **board):
    """Until everything has been heard and sent, or time is up. Says how it ended.

    Args:
        cut_ms: The power goes: nothing is finished, nothing is said.
        ends_when_sent: False: it runs until the firmware restarts itself or time is up.
        board: What differs from BOARD.
    """
    with open(root + "/board.json", "w") as file:
        file.write(json.dumps(dict(BOARD, **board)))
    sound_ms = _prepare(root)
    from app.device import Device
    from disk import Disk

    device = Device(Disk(root))
    states = []

    def watch():
        if cut_ms is not None and world.now_ms >= cut_ms:
            raise SystemExit
        if not states or states[-1] != device.state():
            states.append(device.state())
            bridge.say(at_ms=world.now_ms, state=states[-1])
        is_heard = world.now_ms > sound_ms + QUIET_AFTER_MS and not device.recorder.is_recording
        if (ends_when_sent and is_heard and device.store.next_waiting() is None) or world.now_ms > limit_ms:
            raise SystemExit("done")

    world.listeners.append(watch)
    try:
        device.run()
    except SystemExit as end:
        if not end.args:
            return
        report = device.report()
        report["sent"] = device.uploader.sent if device.uploader else 0
        bridge.say(end=str(end.args[0]), at_ms=world.now_ms, report=report)


def _prepare(root):
    import install  # noqa: F401
    import sim_esp32
    import sim_machine

    sim_machine.sound = root + "/sound.wav"
    sim_esp32.path = root + "/nvs.json"
    with open(sim_machine.sound, "rb") as file:
        file.seek(0, 2)
        return (file.tell() - sim_machine.WAV_HEADER_BYTES) // 2 // sim_machine.RATE_PER_MS
