"""The settings page: an access point of its own, with a password of its own, for ten minutes."""

import binascii
import os
import socket

import network

from app import pages

ADDRESS = "192.168.4.1"
OPEN_MS = 600_000
PASSWORD_PATH = "/portal.txt"
LONGEST_REQUEST_BYTES = 4096
SECOND_S = 1


def load_password(disk):
    """This device's password; made at the first start, because one for all devices protects none."""
    try:
        return disk.read_bytes(PASSWORD_PATH).decode()
    except OSError:
        password = binascii.hexlify(os.urandom(5)).decode()
        disk.replace(PASSWORD_PATH, password.encode())
        return password


class Portal:
    def __init__(self, disk, config, clock, wifi):
        self._disk = disk
        self._config = config
        self._clock = clock
        self._wifi = wifi
        self.is_done = False  # something was saved: start anew with it

    def run(self):
        """A generator: serves the page until something is saved or ten minutes are over."""
        access_point = network.WLAN(network.AP_IF)
        access_point.active(True)
        name = "REM-" + binascii.hexlify(access_point.config("mac")).decode()[-4:]
        password = load_password(self._disk)
        access_point.config(essid=name, password=password, authmode=network.AUTH_WPA2_PSK)
        print(f"settings: join {name} with the password {password}, then open http://{ADDRESS}/")
        seen = sorted({entry[0].decode() for entry in self._wifi.scan()})
        names, pages_socket = self._listen(socket.SOCK_DGRAM, 53), self._listen(socket.SOCK_STREAM, 80)
        until_ms = self._clock.now_ms() + OPEN_MS
        try:
            while not self.is_done and self._clock.now_ms() < until_ms:
                self._answer_name(names)
                yield from self._answer_page(pages_socket, seen)
                yield 50
        finally:
            names.close()
            pages_socket.close()
            access_point.active(False)

    def _listen(self, kind, port):
        listener = socket.socket(socket.AF_INET, kind)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("0.0.0.0", port))
        if kind == socket.SOCK_STREAM:
            listener.listen(1)
        listener.setblocking(False)
        return listener

    def _answer_name(self, listener):
        try:
            query, sender = listener.recvfrom(512)
            listener.sendto(pages.dns_answer(query, bytes(map(int, ADDRESS.split(".")))), sender)
        except OSError:  # nobody asked
            pass

    def _answer_page(self, listener, seen):
        try:
            stream, _ = listener.accept()
        except OSError:  # nobody came
            return
        try:
            stream.settimeout(SECOND_S)
            page = yield from self._respond(stream, seen)
            head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(page.encode())}\r\n"
            stream.write(head.encode() + b"Connection: close\r\n\r\n" + page.encode())
        except (OSError, ValueError):  # a browser that went away, or no browser
            pass
        finally:
            stream.close()

    def _respond(self, stream, seen):
        method, target = stream.readline().decode().split(" ")[:2]
        length = 0
        while True:
            line = stream.readline()
            if line in (b"\r\n", b"\n", b""):
                break
            if line.lower().startswith(b"content-length:"):
                length = min(int(line.split(b":")[1]), LONGEST_REQUEST_BYTES)
        if method != "POST":
            query = pages.parse_form(target.partition("?")[2])
            return pages.render(settings=query.get("c", ""), seen=seen)
        fields = pages.parse_form(stream.read(length).decode())
        try:
            message = yield from self._save(fields)
        except ValueError as error:
            message = str(error)
        return pages.render(message, fields.get("network", ""), fields.get("settings", ""), seen)

    def _save(self, fields):
        """Keep the settings; keep the network only if it lets us in. What worked before stays in any case."""
        merged, new_network = pages.merge(self._config, fields)
        if new_network:
            if not (yield from self._wifi.join(*new_network)):
                return (
                    f"{new_network[0]} did not let the recorder in: check the password. Nothing was changed."
                )
            merged = pages.add_network(merged, *new_network)
        pages.save(self._disk, merged)
        self._config = merged
        self.is_done = merged.is_complete
        return (
            "Saved. The recorder starts anew."
            if self.is_done
            else "Saved. Server, key or network is still missing."
        )
