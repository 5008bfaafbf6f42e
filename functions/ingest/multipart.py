"""A strict reader of multipart/form-data, in the place of Powertools' own parser.

Powertools 3.37 (pinned) splits at the boundary wherever its bytes occur, takes a body that was cut off for
whole, finds a field's name inside a file's name, and answers 500 to a header that is not UTF-8.
python-multipart is what Starlette uses. The seam is one method of the validation middleware.
"""

from __future__ import annotations

import base64
from typing import Any

from aws_lambda_powertools.event_handler.middlewares.openapi_validation import (
    OpenAPIRequestValidationMiddleware,
)
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File, FormParser, parse_options_header

from rem.core.errors import InputError

FORM = "form"  # Powertools looks for the route's one body parameter under its name
IN_MEMORY_BYTES = 16 * 2**20  # no request is larger, so nothing is spooled to disk
MOST_FIELDS = 100


class FormFields:
    """The fields of one form by name, which python-multipart delivers one by one."""

    def __init__(self) -> None:
        self.found: dict[str, str | bytes] = {}
        self.is_whole = False

    def add_text(self, part: Field) -> None:
        self._add(part.field_name, (part.value or b"").decode())

    def add_file(self, part: File) -> None:
        part.file_object.seek(0)
        self._add(part.field_name, part.file_object.read())
        part.close()

    def end(self) -> None:
        """Note the last boundary: without it, part of the form did not arrive."""
        self.is_whole = True

    def _add(self, name: bytes | None, value: str | bytes) -> None:
        text = (name or b"").decode()
        if text in self.found:
            raise InputError(f"the form has '{text}' twice: send it once")
        if len(self.found) >= MOST_FIELDS:
            raise InputError(f"the form has more than {MOST_FIELDS} fields: see docs/openapi.json")
        self.found[text] = value


def parse_form(body: bytes, content_type: str) -> dict[str, str | bytes]:
    """Read the fields of a form by name: text as str, files as bytes.

    Raises:
        InputError: the body is not a whole form, or has a field twice.
    """
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise InputError("the content type names no boundary: let your HTTP library build the form")
    fields, config = FormFields(), {"MAX_MEMORY_FILE_SIZE": IN_MEMORY_BYTES}
    callbacks = fields.add_text, fields.add_file, fields.end
    try:
        parser = FormParser("multipart/form-data", *callbacks, boundary=boundary, config=config)
        parser.write(body)
        parser.finalize()
    except (FormParserError, UnicodeDecodeError) as error:
        raise InputError(f"the body is no multipart form: {error}") from error
    if not fields.is_whole:
        raise InputError("the form ends before its last boundary: part of it did not arrive")
    return fields.found


class FormValidation(OpenAPIRequestValidationMiddleware):
    """Powertools' validation, with parse_form for forms."""

    def _parse_multipart_data(self, app: Any, content_type: str) -> dict[str, Any]:
        event = app.current_event
        body = event.body or ""
        content = base64.b64decode(body) if event.is_base64_encoded else body.encode()
        return {FORM: parse_form(content, content_type)}
