from pathlib import Path

import pytest

from rem.localaws import LocalAws, LocalFunction

HANDLERS = Path(__file__).parent / "handlers"
SMALL = ("echo", "environment", "fail", "sleep", "eat", "leave", "talk", "fail_until")


def function(name: str, module: str = "small", **changes) -> LocalFunction:
    settings = {"memory_mb": 256, "timeout_s": 10.0, **changes}
    return LocalFunction(name, f"{module}.{name}", HANDLERS, **settings)


@pytest.fixture(scope="session")
def collected(tmp_path_factory):
    return tmp_path_factory.mktemp("sqs") / "collected"


@pytest.fixture(scope="session")
def logged():
    return []


@pytest.fixture(scope="session")
def aws(collected, logged, tmp_path_factory):
    functions = [
        *(function(name) for name in SMALL),
        function("collect", environment={"COLLECTED": str(collected)}),
        LocalFunction("hasty", "small.sleep", HANDLERS, memory_mb=256, timeout_s=0.5),
        LocalFunction("small", "small.eat", HANDLERS, memory_mb=100, timeout_s=10),
        LocalFunction("single", "small.sleep", HANDLERS, memory_mb=256, timeout_s=10, reserved_concurrency=1),
        LocalFunction("broken", "broken.handler", HANDLERS, memory_mb=256, timeout_s=10),
    ]
    with LocalAws(
        functions,
        max_sandboxes=8,
        log_dir=tmp_path_factory.mktemp("logs"),
        on_log=lambda name, line: logged.append((name, line)),
    ) as started:
        yield started
