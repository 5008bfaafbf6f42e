import contextlib
import time
from pathlib import Path

import pytest

from rem.lambdas.function import LocalFunction
from rem.lambdas.pool import PoolOptions, SandboxPool
from rem.states.local_aws import LocalAws

HANDLERS = Path(__file__).parent / "handlers"
LIMIT_S = 200.0
TIMEOUT_S = 120.0  # of functions that are not to be cut off, on a machine however busy
SMALL = (
    "echo",
    "environment",
    "fail",
    "sleep",
    "hold",
    "meet",
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
    settings = {"memory_mb": 256, "timeout_s": TIMEOUT_S, **changes}
    return LocalFunction(name, f"{module}.{name}", HANDLERS, **settings)


@contextlib.contextmanager
def open_pool(*functions: str | LocalFunction, max_sandboxes: int = 2, **more):
    """Lambda alone, without a server: one LocalAws at a time is all that moto's state allows."""
    known = [function(each) if isinstance(each, str) else each for each in functions]
    started = SandboxPool(known, "http://127.0.0.1:1", PoolOptions(max_sandboxes=max_sandboxes, **more))
    with contextlib.closing(started):
        yield started


def wait_until(holds, limit_s: float = LIMIT_S) -> None:
    """Wait for what must happen, however busy the machine is; the limit is only against hanging."""
    deadline_s = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < deadline_s, f"not so after {limit_s} s"
        time.sleep(0.02)


class Hold:
    """The two sides of the `hold` handler: when it began, and when it may end."""

    def __init__(self, folder: Path):
        self.begun, self.go = folder / "begun", folder / "go"

    @property
    def event(self) -> dict[str, str]:
        return {"begun": str(self.begun), "go": str(self.go)}

    def wait(self) -> None:
        wait_until(self.begun.exists)

    def release(self) -> None:
        self.go.touch()


@pytest.fixture
def hold(tmp_path):
    """Released at the end of its test, whatever happens."""
    hold = Hold(tmp_path)
    yield hold
    hold.release()


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
        LocalFunction("busy", "small.delegate", HANDLERS, memory_mb=256, timeout_s=2),
        LocalFunction("hasty", "small.sleep", HANDLERS, memory_mb=256, timeout_s=0.5),
        LocalFunction("small", "small.eat", HANDLERS, memory_mb=100, timeout_s=TIMEOUT_S),
        LocalFunction("single", "small.hold", HANDLERS, 256, TIMEOUT_S, reserved_concurrency=1),
        LocalFunction("throttled", "small.echo", HANDLERS, 256, TIMEOUT_S, reserved_concurrency=0),
        LocalFunction("broken", "broken.handler", HANDLERS, memory_mb=256, timeout_s=TIMEOUT_S),
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
