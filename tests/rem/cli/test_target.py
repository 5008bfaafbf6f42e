from contextlib import ExitStack

import pytest

from rem.adapters.connection import Account
from rem.cli.target import AccountOptions, Names, TargetOptions, find_server
from rem.core.errors import InputError, SetupError
from rem.home.endpoint import ENDPOINT_FILE, Endpoint, announce, default_data_dir

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    """No server of the person who runs the tests is found."""
    for name in ("XDG_STATE_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))


@pytest.fixture
def serve(tmp_path):
    """Announce a server on a folder of that name; `default` is the default folder."""
    with ExitStack() as servers:

        def start(name, port):
            folder = default_data_dir() if name == "default" else tmp_path / name
            folder.mkdir(parents=True)
            server = Endpoint(folder, f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port + 1}", port)
            servers.enter_context(announce(server))
            return server

        yield start


def test_running_rem_up_is_found_by_its_data_folder(serve):
    folder = serve("attic", 5000).data
    (folder / "logs").mkdir()
    (folder / "logs" / "prepare.log").write_text("START RequestId: a\nsaid\nREPORT RequestId: a\n")
    target = TargetOptions(data=folder).resolve({})
    assert target.endpoint_url == "http://127.0.0.1:5000"
    assert target.logs().read("prepare", "a")[1] == "said"
    assert target.names.machine_arn.endswith(":stateMachine:rem-recording")


def test_without_options_the_only_server_is_found_wherever_its_data_lie(serve):
    assert find_server(None) is None
    serve("attic", 5000)
    assert TargetOptions().resolve({}).endpoint_url == "http://127.0.0.1:5000"


def test_of_several_servers_the_one_on_the_default_folder_is_found(serve):
    serve("attic", 5000)
    serve("default", 5002)
    assert TargetOptions().resolve({}).endpoint_url == "http://127.0.0.1:5002"


def test_several_servers_elsewhere_are_named_as_choices(serve):
    folders = [serve("attic", 5000).data, serve("cellar", 5002).data]
    with pytest.raises(InputError, match="2 servers run") as refused:
        TargetOptions().resolve({})
    assert f"--data {folders[0]} (http://127.0.0.1:5001), --data {folders[1]} (" in str(refused.value)
    assert TargetOptions(data=folders[1]).resolve({}).endpoint_url == "http://127.0.0.1:5002"


def test_a_server_of_another_user_is_found_by_its_folder_alone(serve, monkeypatch, tmp_path):
    folder = serve("attic", 5000).data
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another"))
    assert find_server(None) is None
    assert find_server(folder).endpoint_url == "http://127.0.0.1:5000"


def test_names_can_be_given_one_by_one():
    target = TargetOptions(endpoint_url="http://x").resolve({"REM_BUCKET": "mine"})
    assert target.locate("a/b.json") == "s3://mine/a/b.json"
    assert target.names.table == "rem-recordings"


def test_folder_without_a_server_gets_a_sentence(tmp_path):
    with pytest.raises(InputError, match="no `rem up` runs on"):
        TargetOptions(data=tmp_path).resolve({})


@pytest.mark.parametrize("text", ["", "{}", "[]", "no"])
def test_damaged_endpoint_file_gets_a_sentence(tmp_path, text):
    (tmp_path / ENDPOINT_FILE).write_text(text)
    with pytest.raises(InputError, match="damaged"):
        TargetOptions(data=tmp_path).resolve({})


def test_aws_and_an_endpoint_contradict_each_other():
    with pytest.raises(InputError, match="--endpoint-url is for"):
        TargetOptions(profile="work", endpoint_url="http://x").resolve({})


def test_unknown_profile_gets_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(SetupError, match=r"nobody.*--profile"):
        TargetOptions(profile="nobody").resolve({})


def test_server_that_is_gone_gets_a_sentence():
    with (
        pytest.raises(SetupError, match=f"{NOWHERE}: is `rem up` running"),
        TargetOptions(endpoint_url=NOWHERE).open() as target,
    ):
        target.executions().find("x")


def test_names_on_aws_are_those_of_terraform():
    names = Names.of_stack("rem-prod", Account("123456789012", "cn-north-1", "aws-cn"))
    assert names.bucket == "rem-prod-recordings-123456789012-cn-north-1"
    assert (names.table, names.keys_table) == ("rem-prod-recordings", "rem-prod-keys")
    assert names.queue_url == "https://sqs.cn-north-1.amazonaws.com/123456789012/rem-prod-uploads"
    assert names.machine_arn == "arn:aws-cn:states:cn-north-1:123456789012:stateMachine:rem-prod-recording"


@pytest.mark.slow
def test_account_and_region_come_from_the_credentials(installation, monkeypatch):
    for name, value in {
        "AWS_ENDPOINT_URL": installation.aws.endpoint_url,
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
    }.items():
        monkeypatch.setenv(name, value)
    target = AccountOptions(region="eu-central-1", stack="rem-prod").resolve({})
    assert target.endpoint_url is None
    assert target.names == Names.of_stack("rem-prod", Account("123456789012", "eu-central-1", "aws"))


@pytest.mark.slow
def test_installation_that_does_not_exist_gets_a_sentence(installation, monkeypatch):
    monkeypatch.setenv("REM_STATE_MACHINE_ARN", "arn:aws:states:us-east-1:123456789012:stateMachine:nobody")
    code, text = installation.rem("executions")
    assert code == 2
    assert "there is no arn:aws:states" in text
