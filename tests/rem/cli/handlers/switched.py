"""A stage that works, or fails under the name that its switch says; every call is counted."""

import os
from pathlib import Path


class InputError(Exception):
    pass


class SetupError(Exception):
    pass


def handler(event, context):
    stage = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
    folder = Path(os.environ["SWITCHES"])
    with (folder / f"{stage}.calls").open("a") as file:
        file.write(f"{context.aws_request_id}\n")
    switch = folder / stage
    behaviour = switch.read_text() if switch.exists() else "work"
    if behaviour != "work":
        raise {"InputError": InputError, "SetupError": SetupError}[behaviour](f"{stage} was told to fail")
    return {"key": f"artifacts/{event['recordingId']}/{stage}/1.json"}
