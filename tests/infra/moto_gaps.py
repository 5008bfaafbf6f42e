"""What Terraform's AWS provider asks for and moto 5.2.5 lacks, filled in this process while a test wants it.

Each function says which gap it fills and what is seen without it. Terraform retries a 500 twenty-five
times, so what is missing shows as a hang: `NotImplementedError` is therefore answered 400, with its name.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from moto.apigateway.responses import APIGatewayResponse
from moto.awslambda.models import LambdaBackend, LambdaFunction
from moto.awslambda_simple.models import LambdaSimpleBackend
from moto.budgets.responses import BudgetsResponse
from moto.core.config import default_user_config
from moto.core.responses import ActionResult, BaseResponse
from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3 import notifications
from moto.s3.models import FakeBucket
from moto.sqs.models import Queue
from moto.stepfunctions.parser.api import InvalidDefinition
from moto.stepfunctions.parser.models import StepFunctionsParserBackend
from moto.stepfunctions.responses import StepFunctionResponse

UPLOAD_DONE_S = 0.3
log = logging.getLogger(__name__)
Invoke = Callable[[str, bytes], tuple[bytes, str | None]]  # function name, payload -> answer, function error


def fill(patch: pytest.MonkeyPatch, invoke: Invoke, publish: Callable[[str, str], None]) -> None:
    """Fill every gap until the patch is undone.

    Args:
        invoke: Runs a function where moto would answer with a canned result: its event source mapping does.
        publish: Told of each new version of a function: name, version.
    """
    patch.setitem(default_user_config, "lambda", {"use_docker": False})
    _answer_missing_actions_at_once(patch)
    _validate_and_version_machines(patch)
    _keep_queue_policies(patch)
    _keep_function_settings(patch)
    _keep_budget_tags(patch)
    _keep_binary_media_types(patch)
    _judge_bucket_policies_as_if_by_tls(patch)
    _tell_of_uploads_when_they_are_done(patch)
    patch.setattr(LambdaSimpleBackend, "invoke", _run_function(invoke))
    _tell_of_versions(patch, publish)


def _answer_missing_actions_at_once(patch: pytest.MonkeyPatch) -> None:
    stock = BaseResponse.call_action

    def call_action(self: Any) -> Any:
        try:
            return stock(self)
        except NotImplementedError as error:
            log.warning("moto lacks %s %s", self.service_name, error)
            body = json.dumps({"__type": "NotImplementedInMoto", "message": str(error)})
            return 400, {"Content-Type": "application/x-amz-json-1.1"}, body

    patch.setattr(BaseResponse, "call_action", call_action)


def _validate_and_version_machines(patch: pytest.MonkeyPatch) -> None:
    """Both are asked on every plan; without them apply hangs."""

    def validate_state_machine_definition(self: Any) -> Any:
        try:
            StepFunctionsParserBackend._validate_definition(self._get_param("definition"))
        except InvalidDefinition as error:
            problem = {"severity": "ERROR", "code": "SCHEMA_VALIDATION_FAILED", "message": str(error.message)}
            return ActionResult({"result": "FAIL", "diagnostics": [problem]})
        return ActionResult({"result": "OK", "diagnostics": []})

    def list_state_machine_versions(self: Any) -> Any:
        machine = self.stepfunction_backend.describe_state_machine(self._get_param("stateMachineArn"))
        versions = [
            {"stateMachineVersionArn": version.arn, "creationDate": machine.creation_date}
            for _, version in sorted(machine.versions.items(), reverse=True)
        ]
        return ActionResult({"stateMachineVersions": versions})

    for action in (validate_state_machine_definition, list_state_machine_versions):
        patch.setattr(StepFunctionResponse, action.__name__, action, raising=False)


def _keep_queue_policies(patch: pytest.MonkeyPatch) -> None:
    """RedriveAllowPolicy is refused, and RedrivePolicy comes back with blanks: a difference for ever."""
    stock = Queue.attributes.fget

    def attributes(self: Any) -> Any:
        found = stock(self)
        if self.redrive_allow_policy:
            found["RedriveAllowPolicy"] = self.redrive_allow_policy
        if found.get("RedrivePolicy"):
            found["RedrivePolicy"] = json.dumps(json.loads(found["RedrivePolicy"]), separators=(",", ":"))
        return found

    patch.setattr(Queue, "redrive_allow_policy", None, raising=False)
    patch.setattr(Queue, "attributes", property(attributes))
    known = [*Queue.FIFO_ATTRIBUTES, "RedriveAllowPolicy"]  # for other queues only the names one may ask for
    patch.setattr(Queue, "FIFO_ATTRIBUTES", known)


def _keep_function_settings(patch: pytest.MonkeyPatch) -> None:
    """LoggingConfig is forgotten; an update of storage, tracing or the image's command changes nothing."""
    create, describe = LambdaFunction.__init__, LambdaFunction.get_configuration
    update = LambdaFunction.update_configuration

    def init(self: Any, account_id: str, spec: Mapping[str, Any], region: str, version: Any = 1) -> None:
        self.logging_config_ = spec.get("LoggingConfig")
        create(self, account_id, spec, region, version)

    def get_configuration(self: Any, on_create: bool = False) -> Any:
        found = describe(self, on_create)
        return found | ({"LoggingConfig": self.logging_config_} if self.logging_config_ else {})

    def update_configuration(self: Any, changes: Mapping[str, Any]) -> Any:
        self.logging_config_ = changes.get("LoggingConfig", self.logging_config_)
        if "EphemeralStorage" in changes:
            self.ephemeral_storage = changes["EphemeralStorage"]["Size"]
        if "TracingConfig" in changes:
            self.tracing_config = changes["TracingConfig"]
        if "ImageConfig" in changes:
            self.image_config = type(self.image_config)(changes["ImageConfig"])
        return update(self, changes)

    patch.setattr(LambdaFunction, "__init__", init)
    patch.setattr(LambdaFunction, "get_configuration", get_configuration)
    patch.setattr(LambdaFunction, "update_configuration", update_configuration)


def _keep_budget_tags(patch: pytest.MonkeyPatch) -> None:
    """Three actions around tags and subscribers are missing: apply hangs ten minutes for each."""
    tags: dict[str, Any] = {}
    create = BudgetsResponse.create_budget

    def create_budget(self: Any) -> Any:
        name, account = self._get_param("Budget")["BudgetName"], self._get_param("AccountId")
        tags[f"arn:aws:budgets::{account}:budget/{name}"] = self._get_param("ResourceTags", [])
        return create(self)

    def list_tags_for_resource(self: Any) -> Any:
        return json.dumps({"ResourceTags": tags.get(self._get_param("ResourceARN"), [])})

    def describe_subscribers_for_notification(self: Any) -> Any:
        budget = self.backend.budgets[self._get_param("AccountId")][self._get_param("BudgetName")]
        wanted = self._get_param("Notification")
        same = ("NotificationType", "ComparisonOperator", "Threshold")
        for notification in budget.notifications:
            if all(notification.details.get(field) == wanted.get(field) for field in same):
                return json.dumps({"Subscribers": notification.subscribers, "NextToken": None})
        return json.dumps({"Subscribers": [], "NextToken": None})

    for action in (create_budget, list_tags_for_resource, describe_subscribers_for_notification):
        patch.setattr(BudgetsResponse, action.__name__, action, raising=False)


def _keep_binary_media_types(patch: pytest.MonkeyPatch) -> None:
    stock = APIGatewayResponse.create_rest_api

    def create_rest_api(self: Any) -> Any:
        answer = stock(self)
        wanted = self._get_param("binaryMediaTypes")
        if not wanted:
            return answer
        api = self.backend.apis[json.loads(answer[2])["id"]]
        api.binaryMediaTypes = wanted
        return answer[0], answer[1], json.dumps(api.to_dict())

    patch.setattr(APIGatewayResponse, "create_rest_api", create_rest_api)


def _judge_bucket_policies_as_if_by_tls(patch: pytest.MonkeyPatch) -> None:
    """moto looks at no Condition: "deny unless TLS" would deny every upload."""

    def get_permission(self: Any, action: str, resource: str) -> Any:
        policy = json.loads(self.policy) if self.policy else {"Statement": []}
        rules = [
            s for s in policy["Statement"] if "aws:SecureTransport" not in json.dumps(s.get("Condition"))
        ]
        if not rules:
            return PermissionResult.NEUTRAL
        return IAMPolicy(json.dumps(policy | {"Statement": rules})).is_action_permitted(action, resource)

    patch.setattr(FakeBucket, "get_permission", get_permission)


def _tell_of_uploads_when_they_are_done(patch: pytest.MonkeyPatch) -> None:
    """moto delivers the event inside the upload, before the object has its metadata; AWS does it later."""
    stock = notifications.send_event

    def send_event(*arguments: Any, **named: Any) -> None:
        threading.Timer(UPLOAD_DONE_S, stock, arguments, named).start()

    patch.setattr(notifications, "send_event", send_event)


def _run_function(invoke: Invoke) -> Any:
    def run(
        self: Any, function_name: str, qualifier: Any, body: Any, headers: Any, response_headers: Any
    ) -> bytes:
        name = self.get_function(function_name, qualifier).function_name
        payload = body.encode() if isinstance(body, str) else body or b"{}"
        answer, error = invoke(name, payload)
        if error:
            response_headers["x-amz-function-error"] = error
        return answer

    return run


def _tell_of_versions(patch: pytest.MonkeyPatch, publish: Callable[[str, str], None]) -> None:
    """Who runs the functions must know that there is one more."""
    stock = LambdaBackend.publish_version

    def publish_version(self: Any, function_name: str, description: str = "") -> Any:
        version = stock(self, function_name, description)
        publish(version.function_name, str(version.version))
        return version

    patch.setattr(LambdaBackend, "publish_version", publish_version)
