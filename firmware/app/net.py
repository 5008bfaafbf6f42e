"""Wi-Fi, the date, and TLS with a certificate check. May wait; runs beside the recording."""

import socket
import ssl
import time

import network
import ntptime

CONNECT_MS = 15_000
TIMEOUT_S = 20
NTP_EVERY_MS = 6 * 3_600_000
IDLE_OFF_MS = 30_000
EPOCH_MS = 946_684_800_000 if time.gmtime(0)[0] == 2000 else 0  # ports count from 2000 or from 1970


def rank_networks(found, known):
    """Which of the known networks to try, strongest first; those not seen (hidden ones) come last.

    Args:
        found: As WLAN.scan() gives it: (name, bssid, channel, rssi, …).
        known: [[name, password], …].
    """
    strength = {}
    for entry in found:
        name = entry[0].decode()
        strength[name] = max(entry[3], strength.get(name, -1000))
    return sorted(known, key=lambda pair: -strength.get(pair[0], -1000))


class Wifi:
    def __init__(self, config, clock):
        self._config = config
        self._clock = clock
        self._wlan = network.WLAN(network.STA_IF)
        self._synced_ms = None
        self._busy_ms = 0
        self.name = ""  # of the network that carries us

    def bring_up(self):
        """A generator: yields while it connects; its result is whether the network is there."""
        self._busy_ms = self._clock.now_ms()
        if not self._wlan.isconnected():
            for name, password in rank_networks(self.scan(), self._config.networks):
                if (yield from self.join(name, password)):
                    break
            else:
                self._wlan.active(False)
                return False
        self._sync()
        return True

    def join(self, name, password):
        self._wlan.active(True)
        self._wlan.disconnect()
        self._wlan.connect(name, password)
        deadline_ms = self._clock.now_ms() + CONNECT_MS
        while self._clock.now_ms() < deadline_ms:
            if self._wlan.isconnected():
                self.name = name
                return True
            yield 100
        return False

    def scan(self):
        self._wlan.active(True)
        return self._wlan.scan()

    def rest(self):
        """Nothing to send: switch the radio off after a while; a talk comes in several chunks."""
        if self._wlan.active() and self._clock.now_ms() - self._busy_ms > IDLE_OFF_MS:
            self._wlan.active(False)
            self.name = ""

    def _sync(self):
        """NTP before TLS: the certificate check needs the date."""
        now_ms = self._clock.now_ms()
        if self._synced_ms is not None and now_ms - self._synced_ms < NTP_EVERY_MS:
            return
        ntptime.host = self._config.ntp
        try:
            ntptime.settime()
        except OSError:  # no NTP in this network: the server's Date header has to do
            return
        self._synced_ms = now_ms
        self._clock.set_utc(time.time() * 1000 + EPOCH_MS)


class Connector:
    """Opens streams for http.Client. One TLS context, made once: it holds the parsed certificates."""

    def __init__(self, disk, ca_path):
        self._disk = disk
        self._ca_path = ca_path
        self._context = None

    def __call__(self, host, port, is_tls):
        stream = socket.socket()
        try:
            stream.settimeout(TIMEOUT_S)
            stream.connect(socket.getaddrinfo(host, port)[0][-1])
            return self._secure(stream, host) if is_tls else stream
        except (OSError, ValueError) as error:  # mbedtls reports a bad certificate as ValueError or OSError
            stream.close()
            raise OSError(f"{host}: {error}") from error

    def _secure(self, stream, host):
        if self._context is None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=self._disk.read_bytes(self._ca_path))
            self._context = context
        return self._context.wrap_socket(stream, server_hostname=host)
