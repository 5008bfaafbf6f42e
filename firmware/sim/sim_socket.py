"""socket: MicroPython's stream methods over real connections of this machine."""

import bridge
import world

AF_INET = 2
SOCK_STREAM = 1
SOCK_DGRAM = 2
SOL_SOCKET = SO_REUSEADDR = 0


def getaddrinfo(host, port):
    return [(2, SOCK_STREAM, 0, "", (host, port))]


class socket:
    def __init__(self, family=AF_INET, kind=SOCK_STREAM, number=None):
        self._kind = kind
        self._number = number
        self._timeout_s = None

    def settimeout(self, seconds):
        self._timeout_s = seconds

    def connect(self, address):
        _check_wifi()
        self._number = bridge.call("connect", address[0], address[1], self._timeout_s)

    def setsockopt(self, *args):
        pass

    def setblocking(self, is_blocking):
        pass

    def bind(self, address):
        self._number = bridge.call("listen", self._kind == SOCK_STREAM, address[1])

    def listen(self, backlog):
        pass

    def accept(self):
        return socket(number=bridge.call("accept", self._number)), ("127.0.0.1", 0)

    def recvfrom(self, count):
        content, host, port = bridge.call("receive", self._number, count)
        return bridge.to_bytes(content), (host, port)

    def sendto(self, content, address):
        bridge.call("send_to", self._number, bridge.to_text(content), address[0], address[1])

    def secure(self, name, roots):
        bridge.call("secure", self._number, name, roots)

    def write(self, content):
        _check_wifi()
        return bridge.call("write", self._number, bridge.to_text(content))

    def read(self, count):
        _check_wifi()
        return bridge.to_bytes(bridge.call("read", self._number, count))

    def readline(self):
        _check_wifi()
        return bridge.to_bytes(bridge.call("readline", self._number))

    def close(self):
        if self._number is not None:
            bridge.call("close", self._number)


def _check_wifi():
    if world.is_within(world.wifi_down):
        raise OSError(113)
