"""The pure part: recordings, records, chunks, messages. No input or output, no clock, no vendor."""

from typing import Any

Json = dict[str, Any]  # it holds an object of a JSON document
