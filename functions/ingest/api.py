"""Api: the HTTP interface for devices and people. API Gateway's REST proxy event in, its answer out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.event_handler import Response

import functions.ingest.devices
import functions.ingest.recordings
import functions.ingest.uploads  # noqa: F401  # importing a module of routes registers them
from functions.ingest.answers import answer_problem, describe
from functions.ingest.app import Services, app
from functions.ingest.schemas import KEY_HEADER, OPEN_PATHS, Health
from rem.core import Json
from rem.stage.observe import load_logger, observed


@app.get("/health", responses=describe(Health))
def check_health() -> Health:
    """Tell whether the API answers. Needs no key."""
    return Health()


def respond(event: Mapping[str, Any], context: Any, found: Services) -> Json:
    """Check the key before anything of the request is read: without one nobody learns what is wrong."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    key = None
    if event["path"] not in OPEN_PATHS:
        key = found.keyring.check(headers.get(KEY_HEADER) or "")
        if key is None:
            message = "the x-api-key header is missing, wrong or revoked: `rem keys add` makes a key"
            return _to_event(answer_problem(401, "Unauthorized", message))
    app.append_context(services=found, key=key)  # type: ignore[no-untyped-call]
    return dict(app.resolve(dict(event), context))


def _to_event(response: Response[str]) -> Json:
    return {
        "statusCode": response.status_code,
        "multiValueHeaders": {"Content-Type": [response.content_type]},
        "body": response.body,
        "isBase64Encoded": False,
    }


@observed("api")
def handler(event: Mapping[str, Any], context: Any) -> Json:
    answer = respond(event, context, Services.from_env())
    about = {"method": event["httpMethod"], "path": event["path"], "status": answer["statusCode"]}
    load_logger().info("answered", extra=about)
    return answer
