"""ssl: the certificate check is that of the machine underneath."""

PROTOCOL_TLS_CLIENT = 0
CERT_REQUIRED = 2


class SSLContext:
    def __init__(self, protocol):
        self.verify_mode = None
        self._roots = ""

    def load_verify_locations(self, cadata):
        self._roots = cadata.decode()

    def wrap_socket(self, stream, server_hostname):
        if self.verify_mode != CERT_REQUIRED:
            raise ValueError("the simulator refuses TLS without a certificate check")
        stream.secure(server_hostname, self._roots)
        return stream
