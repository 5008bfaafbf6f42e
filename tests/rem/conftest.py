import contextlib
import time
from pathlib import Path

import pytest

from rem.lambdas.function import LocalFunction
from rem.lambdas.pool import PoolOptions, SandboxPool
from rem.states.local_aws import LocalAws

HANDLERS = Path(__file__).parent / "handlers"
SMALL = (
    "echo",
    "environment",
    "fail",
    "sleep",
    "eat",
    "leave",
    "talk",
    "fail_until",
    "mumble",
    "delegate",
    "fail_if",
    "count",
)


def function(name: str, module: str = "small", **changes) -> LocalFunction:
    settings = {"memory_mb": 256, "timeout_s": 10.0, **changes}
    return LocalFunction(name, f"{module}.{name}", HANDLERS, **settings)


@contextlib.contextmanager
def open_pool(*functions: str | LocalFunction, max_sandboxes: int = 2, **more):
    """Lambda alone, without a server: one LocalAws at a time is all that moto's state allows."""
    known = [function(each) if isinstance(each, str) else each for each in functions]
    started = SandboxPool(known, "http://127.0.0.1:1", PoolOptions(max_sandboxes=max_sandboxes, **more))
    with contextlib.closing(started):
        yield started


def wait_until(holds, limit_s: float = 15.0) -> None:
    deadline_s = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < deadline_s, f"not so after {limit_s} s"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def collected(tmp_path_factory):
    return tmp_path_factory.mktemp("sqs") / "collected"


@pytest.fixture(scope="module")
def logged():
    return []


@pytest.fixture(scope="module")
def aws(collected, logged, tmp_path_factory):
    functions = [
        *(function(name) for name in SMALL),
        function("collect", environment={"COLLECTED": str(collected)}),
        function("attributes", environment={"COLLECTED": str(collected.with_name("attributes"))}),
        LocalFunction("busy", "small.delegate", HANDLERS, memory_mb=256, timeout_s=1),
        LocalFunction("hasty", "small.sleep", HANDLERS, memory_mb=256, timeout_s=0.5),
        LocalFunction("small", "small.eat", HANDLERS, memory_mb=100, timeout_s=10),
        LocalFunction("single", "small.sleep", HANDLERS, memory_mb=256, timeout_s=10, reserved_concurrency=1),
        LocalFunction("broken", "broken.handler", HANDLERS, memory_mb=256, timeout_s=10),
    ]
    with LocalAws(
        functions,
        PoolOptions(
            max_sandboxes=8,
            log_dir=tmp_path_factory.mktemp("logs"),
            on_log=lambda name, line: logged.append((name, line)),
        ),
    ) as started:
        yield started
