"""A small HTTP/1.1 client that sends files from the flash through 2 KB of memory.

Every call is a generator that yields while it works, so that a loop without threads can serve the microphone
in between; its result is what `yield from` returns. Failures are OSError.
"""

BUFFER_BYTES = 2048
LONGEST_BODY_BYTES = 16_384
CONNECTION_RESET = 104
MOST_HEADERS = 64


class Response:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers  # names in lower case
        self.body = body


def split_url(url):
    """("https", host, port, path without a slash at the end) of an address."""
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    host, _, port = host.partition(":")
    if scheme not in ("http", "https") or not host or (port and not port.isdigit()):
        raise ValueError(
            f"not an address: {url} (it should look like https://example.org or http://192.168.1.5:8787)"
        )
    return scheme, host, int(port or (443 if scheme == "https" else 80)), ("/" + path).rstrip("/")


class Client:
    def __init__(self, url, key, connect):
        """
        Args:
            connect: (host, port, is_tls) -> stream with the methods of MicroPython's sockets.
        """
        self.scheme, self.host, self.port, self.path = split_url(url)
        self.buffer = bytearray(BUFFER_BYTES)
        self._key = key
        self._connect = connect
        self._stream = None

    def close(self):
        if self._stream is not None:
            stream, self._stream = self._stream, None
            try:
                stream.close()
            except OSError:
                pass

    def request(self, method, path, headers=(), parts=(), file=None, body_bytes=0):
        """One exchange. A kept connection that the server has closed meanwhile is opened anew, once.

        Args:
            parts: What goes before the file and after it: (bytes, bytes).
            file: Read from where it stands.
            body_bytes: Length of both parts and the file.
        """
        was_open = self._stream is not None
        position = file.tell() if file else 0
        try:
            return (yield from self._exchange(method, path, headers, parts, file, body_bytes))
        except OSError:
            self.close()
            if not was_open:
                raise
        if file:
            file.seek(position)
        try:
            return (yield from self._exchange(method, path, headers, parts, file, body_bytes))
        except OSError:
            self.close()
            raise

    def _exchange(self, method, path, headers, parts, file, body_bytes):
        if self._stream is None:
            self._stream = self._connect(self.host, self.port, self.scheme == "https")
        yield 0
        head = f"{method} {self.path}{path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\n"
        head += f"User-Agent: rem-recorder\r\nContent-Length: {body_bytes}\r\n"
        if self._key:
            head += f"x-api-key: {self._key}\r\n"
        for name, value in headers:
            head += f"{name}: {value}\r\n"
        self._write(head.encode() + b"\r\n" + (parts[0] if parts else b""))  # one packet, not two
        if file:
            view = memoryview(self.buffer)
            while True:
                count = file.readinto(self.buffer)
                if not count:
                    break
                self._write(view[:count])
                yield 0
        if parts:
            self._write(parts[1])
        yield 0
        return self._read_response()

    def _write(self, content):
        view = memoryview(content)
        at = 0
        while at < len(view):
            written = self._stream.write(view[at:])
            if not written:
                raise OSError(CONNECTION_RESET)
            at += written

    def _read_response(self):
        status = self._read_status()
        headers = self._read_headers()
        body = self._read_body(headers)
        if headers.get("connection", "").lower() == "close":
            self.close()
        return Response(status, headers, body)

    def _read_status(self):
        words = self._stream.readline().split(None, 2)
        if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
            raise OSError(CONNECTION_RESET)
        return int(words[1])

    def _read_headers(self):
        headers = {}
        for _ in range(MOST_HEADERS):
            line = self._stream.readline()
            if line in (b"\r\n", b"\n"):
                return headers
            if not line:
                break
            name, _, value = line.decode().partition(":")
            headers[name.strip().lower()] = value.strip()
        raise OSError(CONNECTION_RESET)

    def _read_body(self, headers):
        """At most LONGEST_BODY_BYTES; what is longer, or has no length, ends the connection."""
        if "chunked" in headers.get("transfer-encoding", ""):
            return self._read_chunks()
        length = headers.get("content-length", "")
        if not length.isdigit():
            headers["connection"] = "close"
            return self._read_exactly(LONGEST_BODY_BYTES, is_end_allowed=True)
        if int(length) > LONGEST_BODY_BYTES:
            headers["connection"] = "close"
        return self._read_exactly(min(int(length), LONGEST_BODY_BYTES))

    def _read_chunks(self):
        body = b""
        while True:
            size = int(self._stream.readline().split(b";")[0].strip() or b"0", 16)
            if len(body) + size > LONGEST_BODY_BYTES:
                raise OSError(CONNECTION_RESET)
            body += self._read_exactly(size)
            self._stream.readline()
            if size == 0:
                return body

    def _read_exactly(self, count, is_end_allowed=False):
        body = b""
        while len(body) < count:
            piece = self._stream.read(min(count - len(body), BUFFER_BYTES))
            if not piece:
                if is_end_allowed:
                    break
                raise OSError(CONNECTION_RESET)
            body += piece
        return body
