"""Lambda as AWS describes it: error names, limits, reuse, reports."""

import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from rem.lambdas.pool import PoolClosedError
from tests.rem.conftest import LIMIT_S, TIMEOUT_S, function, open_pool, wait_until

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]


def invoke(aws, name, **event):
    answer = aws.pool.invoke(name, json.dumps(event).encode())
    return answer, json.loads(answer.payload)


def test_warm_sandbox_is_used_again(aws):
    pids = {invoke(aws, "echo")[1]["pid"] for _ in range(3)}
    assert len(pids) == 1


def test_parallel_invocations_have_processes_of_their_own(aws, tmp_path):
    with ThreadPoolExecutor(3) as pool:
        meeting = {"folder": str(tmp_path), "count": 3}
        pids = list(pool.map(lambda _: invoke(aws, "meet", **meeting)[1]["pid"], range(3)))
    assert len(set(pids)) == 3


def test_handler_knows_its_remaining_time(aws):
    assert 0 < invoke(aws, "echo")[1]["remaining_ms"] <= TIMEOUT_S * 1000


def test_handler_sees_lambdas_environment(aws):
    names = ["AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_ENDPOINT_URL", "TZ"]
    _, seen = invoke(aws, "environment", names=[*names, "HOME"])
    assert [seen[name] for name in names] == ["environment", "256", aws.endpoint_url, ":UTC"]
    assert seen["HOME"] != os.environ.get("HOME")


def test_exception_is_reported_under_its_class_name(aws):
    answer, body = invoke(aws, "fail")
    assert answer.function_error == "Unhandled"
    assert (body["errorType"], body["errorMessage"]) == ("BusyError", "somebody else is busy")
    assert body["stackTrace"]


def test_timeout_kills_the_sandbox(aws):
    answer, body = invoke(aws, "hasty", seconds=1000)
    assert body["errorType"] == "Sandbox.Timedout"
    assert "timed out after 0.50 seconds" in body["errorMessage"]
    assert answer.report.error_type == "Sandbox.Timedout"


def test_memory_ceiling_kills_the_sandbox(aws):
    answer, body = invoke(aws, "small", mb=300)
    assert body["errorType"] == "Runtime.ExitError"
    assert "signal: killed" in body["errorMessage"]
    assert answer.report.error_type == "Runtime.OutOfMemory"
    assert answer.report.max_memory_mb == 100
    assert "Runtime.OutOfMemory" in str(answer.report)


def test_a_process_that_leaves_is_an_exit_error(aws):
    _, body = invoke(aws, "leave")
    assert body["errorType"] == "Runtime.ExitError"
    assert "exit status 3" in body["errorMessage"]


def test_a_handler_that_cannot_be_imported_says_so_each_time(aws):
    for _ in range(2):
        answer, body = invoke(aws, "broken")
        assert answer.function_error == "Unhandled"
        assert body["errorType"] == "Runtime.ImportModuleError"
        assert "a_module_that_does_not_exist" in body["errorMessage"]


def test_reserved_concurrency_answers_429(aws, hold):
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(invoke, aws, "single", **hold.event)
        hold.wait()
        assert aws.pool.invoke("single", b"{}").status == 429
        hold.release()
        assert first.result()[0].status == 200


def test_unknown_function_answers_404(aws):
    assert aws.pool.invoke("nobody", b"{}").status == 404


def test_boto3_client_invokes_the_same_functions(aws):
    client = aws.client("lambda")
    answer = client.invoke(FunctionName="echo", Payload=b'{"a": 1}')
    assert json.load(answer["Payload"])["event"] == {"a": 1}
    failed = client.invoke(FunctionName="fail", Payload=b"{}")
    assert failed["FunctionError"] == "Unhandled"
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.invoke(FunctionName="nobody", Payload=b"{}")


def test_boto3_client_gets_the_tail_of_the_log_and_may_qualify_the_name(aws):
    name = "arn:aws:lambda:us-east-1:123456789012:function:echo:$LATEST"
    answer = aws.client("lambda").invoke(FunctionName=name, Payload=b"{}", LogType="Tail")
    assert "REPORT RequestId" in base64.b64decode(answer["LogResult"]).decode()


def test_lines_of_a_handler_reach_the_listener_and_the_log(aws, logged):
    invoke(aws, "talk", word="hello")
    assert ("talk", '{"said": "hello"}') in logged
    text = (aws.pool.options.log_dir / "talk.log").read_text()
    assert text.index("START RequestId") < text.index("hello") < text.index("REPORT RequestId")


def test_report_tells_duration_memory_and_processor_time(aws):
    answer, _ = invoke(aws, "sleep", seconds=0.2)
    report = answer.report
    assert report.duration_ms >= 200
    assert 5 < report.max_memory_mb < 256
    assert 0 <= report.cpu_s < 2
    assert report.error_type is None


def test_processor_time_of_children_counts(aws):
    answer, _ = invoke(aws, "delegate", cpu_s=0.3)
    assert 0.25 <= answer.report.cpu_s < 3


def test_processor_time_is_told_after_a_timeout_too(aws):
    answer, _ = invoke(aws, "busy", cpu_s=30)
    assert answer.report.error_type == "Sandbox.Timedout"
    assert answer.report.cpu_s > 0


def test_long_lines_are_cut_and_unfinished_ones_told(aws, logged):
    invoke(aws, "mumble")
    lines = [line for name, line in logged if name == "mumble"]
    assert "".join(lines[1:-3]) == "x" * 300_000
    assert max(map(len, lines)) == 262_144
    assert lines[-3] == "the last word"


def test_answer_carries_the_log_of_its_invocation_only(aws):
    invoke(aws, "talk", word="before")
    answer, _ = invoke(aws, "talk", word="now")
    first, said, end, report = answer.log.splitlines()
    assert (first[:5], said, end[:3]) == ("START", '{"said": "now"}', "END")
    assert report == str(answer.report)


def test_every_report_reaches_the_listener():
    reports = []
    with open_pool("echo", on_report=reports.append) as started:
        started.invoke("echo", b"{}")
    assert reports == started.reports
    assert reports[0].billed_ms >= reports[0].init_ms > 0


def test_prewarmed_sandbox_is_told_that_it_is_provisioned():
    with open_pool("environment") as started:
        started.prewarm(["environment"])
        wait_until(lambda: started._idle["environment"])
        answer = started.invoke("environment", b'{"names": ["AWS_LAMBDA_INITIALIZATION_TYPE"]}')
    assert json.loads(answer.payload) == {"AWS_LAMBDA_INITIALIZATION_TYPE": "provisioned-concurrency"}


def test_init_time_is_without_the_wait_for_the_first_invocation():
    with open_pool("echo") as started:
        started.prewarm(["echo"])
        wait_until(lambda: started._idle["echo"])
        sandbox = started._idle["echo"][0]
        sandbox.wait_ready(LIMIT_S)
        ready_ms = (time.monotonic() - sandbox._started_s) * 1000
        time.sleep(1)
        report = started.invoke("echo", b"{}").report
    assert 0 < report.init_ms <= ready_ms


def test_lines_between_invocations_are_told_at_once():
    lines = []
    with open_pool(function("handler", "chatty"), on_log=lambda *line: lines.append(line)) as started:
        started.prewarm(["handler"])
        wait_until(lambda: ("handler", "loaded") in lines)


def test_idle_sandbox_ends_after_a_while():
    with open_pool("echo", idle_s=0.3) as started:
        pid = json.loads(started.invoke("echo", b"{}").payload)["pid"]
        wait_until(lambda: not psutil.pid_exists(pid))


def test_more_invocations_than_the_cap_wait_for_their_turn():
    with open_pool("sleep", "echo", max_sandboxes=2) as started, ThreadPoolExecutor(5) as pool:
        answers = pool.map(lambda _: started.invoke("sleep", b'{"seconds": 0.1}'), range(5))
        assert len({json.loads(answer.payload)["pid"] for answer in answers}) <= 2
        assert started.invoke("echo", b"{}").status == 200  # takes the place of an idle one


def test_closing_while_sandboxes_start_leaves_no_process():
    before = set(psutil.Process().children())
    with open_pool("sleep", max_sandboxes=4) as started, ThreadPoolExecutor(4) as pool:
        running = [pool.submit(started.invoke, "sleep", b'{"seconds": 1000}') for _ in range(4)]
        wait_until(lambda: started._live() > 0)
        started.close()
        for each in running:
            with contextlib.suppress(PoolClosedError):  # did not start any more
                assert each.result().function_error == "Unhandled"
    assert set(psutil.Process().children()) <= before


def test_no_process_survives_a_killed_parent(tmp_path):
    """kill -9 of the program, as a person's machine does it: the sandboxes die with it."""
    script = textwrap.dedent(f"""
        import sys, time
        sys.path.insert(0, {str(ROOT)!r})
        from tests.rem.conftest import function
        from rem.lambdas.pool import PoolOptions
        from rem.states.local_aws import LocalAws
        import json
        with LocalAws([function("echo")], PoolOptions(max_sandboxes=2)) as aws:
            print(json.loads(aws.pool.invoke("echo", b"{{}}").payload)["pid"], flush=True)
            time.sleep(1000)
    """)
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert psutil.pid_exists(child)
        parent.send_signal(signal.SIGKILL)
    wait_until(lambda: not psutil.pid_exists(child))


def test_invocations_beyond_the_limit_wait_and_are_not_charged_for_it(hold):
    payload = json.dumps(hold.event).encode()
    with open_pool("hold", max_sandboxes=4, max_running=1) as started, ThreadPoolExecutor(3) as pool:
        first = pool.submit(started.invoke, "hold", payload)
        hold.wait()
        others = [pool.submit(started.invoke, "hold", payload) for _ in range(2)]
        wait_until(lambda: started._running["hold"] == 3)
        time.sleep(0.5)  # they would be charged for this
        released_s = time.monotonic()
        hold.release()
        answers = [each.result() for each in (first, *others)]
        waited_ms = (time.monotonic() - released_s) * 1000
    assert len({json.loads(answer.payload)["pid"] for answer in answers}) == 1
    assert all(answer.report.duration_ms < waited_ms for answer in answers[1:])


def test_a_function_that_takes_no_turns_never_waits_for_others(hold):
    quick = function("echo", takes_turns=False)
    with open_pool("hold", quick, max_running=1) as lambdas, ThreadPoolExecutor(1) as pool:
        busy = pool.submit(lambdas.invoke, "hold", json.dumps(hold.event).encode())
        hold.wait()
        assert lambdas.invoke("echo", b"{}").function_error is None
        assert not busy.done()
        hold.release()
        assert busy.result().function_error is None


def test_a_function_has_no_more_sandboxes_than_its_own_limit():
    limited = function("sleep", max_sandboxes=2)
    with open_pool(limited, max_sandboxes=8) as lambdas, ThreadPoolExecutor(6) as pool:
        answers = pool.map(lambda _: lambdas.invoke("sleep", b'{"seconds": 0.1}'), range(6))
        pids = {json.loads(answer.payload)["pid"] for answer in answers}
    assert len(pids) <= 2


def test_a_function_may_be_added_and_changed_later():
    with open_pool("echo") as started:
        assert started.invoke("environment", b"{}").status == 404
        for word in ("first", "second"):
            started.add(function("environment", environment={"WORD": word}))
            answer = started.invoke("environment", b'{"names": ["WORD"]}')
            assert json.loads(answer.payload) == {"WORD": word}
        assert started.invoke("echo", b"{}").function_error is None
