"""esp32: settings that survive a restart, in a file."""

import json

path = None


class NVS:
    def __init__(self, name):
        self._name = name
        try:
            with open(path) as file:
                self._values = json.loads(file.read())
        except OSError:
            self._values = {}

    def get_i32(self, key):
        if key not in self._values:
            raise OSError("ESP_ERR_NVS_NOT_FOUND")
        return self._values[key]

    def set_i32(self, key, value):
        self._values[key] = value

    def commit(self):
        with open(path, "w") as file:
            file.write(json.dumps(self._values))
