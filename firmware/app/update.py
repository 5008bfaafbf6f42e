"""Updates over the air: download beside the running firmware, check every hash, then switch.

Two folders, /a and /b, hold one firmware each. slots.py, which no update touches, starts one of them and goes
back to the other unless the new one says that it is healthy.
"""

import binascii
import hashlib
import json

import slots
from app.http import BUFFER_BYTES, CONNECTION_RESET, LONGEST_BODY_BYTES, Client

LEAST_BATTERY_PCT = 20  # a device that dies while it writes its own firmware is a device to unscrew
NAME_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789_./"


class UpdateError(Exception):
    """The update was refused; what runs stays."""


def check_manifest(manifest, arch):
    """The files to fetch: [(path, sha256)].

    Raises:
        UpdateError: not a manifest for this processor, or a path that leads out of the slot.
    """
    try:
        files = [(entry["path"], entry["sha256"]) for entry in manifest["files"]]
        version, made_for = manifest["version"], manifest["arch"]
    except (KeyError, TypeError) as error:
        raise UpdateError("manifest.json lacks version, arch or files") from error
    if made_for != arch:
        raise UpdateError(f"the update is for {made_for}, this device is {arch}")
    for path, digest in files:
        if (
            path.startswith("/")
            or ".." in path
            or not all(c in NAME_CHARACTERS for c in path)
            or len(digest) != 64
        ):
            raise UpdateError(f"manifest.json has a bad entry: {path}")
    return version, files


class Downloader(Client):
    def download(self, path, sink):
        """GET a file of any length into `sink`, a function that takes pieces; returns the status."""
        try:
            return (yield from self._download(path, sink))
        finally:
            self.close()

    def _download(self, path, sink):
        self.close()
        self._stream = self._connect(self.host, self.port, self.scheme == "https")
        head = f"GET {self.path}{path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nConnection: close\r\n\r\n"
        self._write(head.encode())
        status = self._read_status()
        length = self._read_headers().get("content-length", "")
        if status != 200:
            return status
        if not length.isdigit():
            raise OSError(CONNECTION_RESET)
        left = int(length)
        while left:
            yield 0
            piece = self._stream.read(min(left, BUFFER_BYTES))
            if not piece:
                raise OSError(CONNECTION_RESET)
            sink(piece)
            left -= len(piece)
        return status


class Updater:
    def __init__(self, disk, client, arch, running_version):
        """
        Args:
            client: Downloader for the folder that holds manifest.json.
        """
        self._disk = disk
        self._client = client
        self._arch = arch
        self._running = running_version

    def run(self, battery_pct):
        """Fetch and switch, if there is something newer. A generator; its result says whether to restart.

        Args:
            battery_pct: None on a device without a battery.

        Raises:
            UpdateError: refused, with the reason.
            OSError: the network or the flash.
        """
        body = b""

        def take(piece):
            nonlocal body
            body += piece
            if len(body) > LONGEST_BODY_BYTES:
                raise UpdateError("manifest.json is too long")

        status = yield from self._client.download("/manifest.json", take)
        if status != 200:
            raise UpdateError(f"the update server answered {status}")
        try:
            manifest = json.loads(body)
        except ValueError as error:
            raise UpdateError("manifest.json is damaged") from error
        version, files = check_manifest(manifest, self._arch)
        state = slots.load(self._disk)
        if version == self._running or version == state.get("failed"):
            return False
        if battery_pct is not None and battery_pct < LEAST_BATTERY_PCT:
            raise UpdateError(f"the battery is at {battery_pct} %: updates need {LEAST_BATTERY_PCT} %")
        slot = slots.other(state["active"])
        yield from self._fetch(slot, files)
        slots.try_out(self._disk, slot, version)
        return True

    def _fetch(self, slot, files):
        for path, expected in files:
            self._make_folders(slot, path)
            digest = hashlib.sha256()
            with self._disk.open(f"/{slot}/{path}", "wb") as file:

                def take(piece, file=file, digest=digest):
                    digest.update(piece)
                    file.write(piece)

                status = yield from self._client.download("/" + path, take)
            found = binascii.hexlify(digest.digest()).decode()
            if status != 200 or found != expected:
                raise UpdateError(f"{path} is not what manifest.json says (status {status})")

    def _make_folders(self, slot, path):
        folder = "/" + slot
        for part in path.split("/")[:-1]:
            self._disk.make_folder(folder)
            folder += "/" + part
        self._disk.make_folder(folder)
