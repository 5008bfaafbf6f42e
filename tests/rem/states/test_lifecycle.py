"""One local AWS after another, in one process. No shared instance here: moto has one state."""

import json
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from rem.states.local_aws import LocalAws
from tests.rem.conftest import HANDLERS, function

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]
ROLE = "arn:aws:iam::123456789012:role/x"


def run_python(script: str) -> str:
    """In a process of its own, where nothing is imported yet."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(script)],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
        timeout=280,
    ).stdout.strip()


def test_nothing_is_left_for_the_next_one():
    with LocalAws([function("echo")]) as aws:
        aws.client("s3").create_bucket(Bucket="first")
        aws.client("stepfunctions").create_state_machine(name="m", definition=PASS, roleArn=ROLE)
    with LocalAws([function("echo")]) as aws:
        assert aws.client("s3").list_buckets()["Buckets"] == []
        assert aws.client("stepfunctions").list_state_machines()["stateMachines"] == []


def test_waiting_execution_does_not_wake_up_in_the_next_one(tmp_path):
    """Its next task would call a function of an AWS that it was not started in."""
    task = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True}
    task["Parameters"] = {"FunctionName": "hear", "Payload.$": "$"}
    states = {"Wait": {"Type": "Wait", "Seconds": 1, "Next": "Call"}, "Call": task}
    first, second = (
        function("hear", environment={"HEARD": str(tmp_path / name)}) for name in ("first", "second")
    )
    with LocalAws([first]) as aws:
        sfn = aws.client("stepfunctions")
        definition = json.dumps({"StartAt": "Wait", "States": states})
        machine = sfn.create_state_machine(name="m", definition=definition, roleArn=ROLE)["stateMachineArn"]
        sfn.start_execution(stateMachineArn=machine)
    with LocalAws([second]):
        time.sleep(1.5)  # for a call that must not come
    assert not (tmp_path / "second").exists()


def test_leaving_while_moto_is_still_imported_is_clean():
    """Ctrl-C in the first second: nothing raised, no process left."""
    script = f"""
        import psutil
        from pathlib import Path
        from rem.states.local_aws import LocalAws
        from rem.lambdas.function import LocalFunction
        with LocalAws([LocalFunction("echo", "small.echo", Path({str(HANDLERS)!r}), 256, 10)]) as aws:
            aws.pool.invoke("echo", b"{{}}")
        print([child.cmdline() for child in psutil.Process().children()])
    """
    assert run_python(script) == "[]"


def test_boot_leaves_out_what_moto_does_not_need_here():
    """Contract: moto's parser needs moto.batch.utils only; moto.batch's backend would import moto.ec2."""
    script = """
        import sys
        from rem.states.local_aws import LocalAws
        with LocalAws([]) as aws:
            aws.client("s3").list_buckets()
            aws.client("stepfunctions").list_state_machines()
        print([name for name in sys.modules if name in ("moto.batch", "moto.ec2", "moto.ec2.models")])
        from moto.batch.models import batch_backends
        print(len(batch_backends) >= 0)
    """
    assert run_python(script).splitlines() == ["[]", "True"]


PASS = json.dumps({"StartAt": "Do", "States": {"Do": {"Type": "Pass", "End": True}}})
