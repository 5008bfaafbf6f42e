"""A function behind the gateway: shows the event that it got, or misbehaves as its path says."""

from __future__ import annotations

import base64
import hashlib
import json
import time


def handler(event, context):
    match event["path"]:
        case "/fail":
            raise ValueError("this function fails")
        case "/shapeless":
            return {"status": 200}
        case "/slow":
            time.sleep(5)
            return {"statusCode": 200, "body": "late"}
        case "/binary":
            return {
                "statusCode": 201,
                "headers": {"X-One": "1", "Content-Length": "999"},
                "multiValueHeaders": {"X-Two": ["a", "b"]},
                "body": base64.b64encode(bytes(range(256))).decode(),
                "isBase64Encoded": True,
            }
        case "/digest":
            body = base64.b64decode(event["body"]) if event["isBase64Encoded"] else event["body"].encode()
            return {"statusCode": 200, "body": json.dumps([len(body), hashlib.sha256(body).hexdigest()])}
        case _:
            return {
                "statusCode": 200,
                "headers": {"Content-Type": "application/json"},
                "body": json.dumps(event),
            }
