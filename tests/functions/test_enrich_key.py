"""Where the key is looked for, and which engine that makes."""

import boto3
import pytest
from aws_lambda_powertools.utilities import parameters
from moto import mock_aws

from functions.enrich.handler import build_enricher
from functions.enrich.key import load_key
from rem.core.errors import SetupError
from rem.definition import load_stages
from rem.stage.settings import EnrichSettings
from rem.stage.work import Budget

VARIABLES = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "REM_OPENAI_SECRET")


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    settings = load_stages()["enrich"].environment()
    account = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1"}
    for name, value in {"REM_BUCKET": "b", "REM_TABLE": "t", **settings, **account}.items():
        monkeypatch.setenv(name, value)
    parameters.clear_caches()


def engine(**changes):
    settings = EnrichSettings.from_env().model_copy(update=changes)
    return build_enricher(settings, Budget(lambda: 100.0)).engine


def test_secret_is_read_once_and_kept(monkeypatch):
    monkeypatch.setenv("REM_OPENAI_SECRET", "rem/openai")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-from-the-environment")
    with mock_aws():
        secrets = boto3.client("secretsmanager")
        secrets.create_secret(Name="rem/openai", SecretString="sk-from-the-secret\n")
        assert load_key() == "sk-from-the-secret"
        secrets.delete_secret(SecretId="rem/openai", ForceDeleteWithoutRecovery=True)
        assert load_key() == "sk-from-the-secret"


def test_missing_secret_is_named(monkeypatch):
    monkeypatch.setenv("REM_OPENAI_SECRET", "rem/gone")
    with mock_aws(), pytest.raises(SetupError, match=r"the secret rem/gone \(REM_OPENAI_SECRET\) cannot be"):
        load_key()


@pytest.mark.parametrize("key", ["sk-\u2026", "sk-a b", "sk-a\nb"])
def test_key_that_can_be_none_is_refused_and_not_repeated(monkeypatch, key):
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(SetupError, match="copy it again") as caught:
        load_key()
    assert key not in str(caught.value)


def test_without_a_key_notes_are_made_offline():
    assert engine() == "offline"


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "OPENAI_BASE_URL"])
def test_with_a_key_or_a_server_a_model_makes_them(monkeypatch, name):
    monkeypatch.setenv(name, "http://127.0.0.1:9/v1")
    assert engine() == "openai"


def test_offline_is_offline_with_a_key_too(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    assert engine(enrich_engine="offline") == "offline"


def test_openai_without_a_key_says_what_to_set():
    with pytest.raises(SetupError, match="set OPENAI_API_KEY, or OPENAI_BASE_URL"):
        engine(enrich_engine="openai")


def test_only_enrich_is_given_the_key(monkeypatch):
    from rem.home.resources import build_functions

    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    given = {f.name for f in build_functions(load_stages()) if "sk-x" in f.environment.values()}
    assert given == {"enrich"}
