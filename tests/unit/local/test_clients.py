"""The local cloud's clients ignore the AWS settings of the person who runs a command."""

from pathlib import Path

import pytest

from backdrop_local.clients import LocalClients
from backdrop_local.home import REGION

ENDPOINT = "http://127.0.0.1:4566"
SETTINGS = {
    "AWS_PROFILE": "nope",
    "AWS_DEFAULT_PROFILE": "nope",
    "AWS_CONFIG_FILE": "{broken}",
    "AWS_SHARED_CREDENTIALS_FILE": "{broken}",
    "AWS_ENDPOINT_URL": "http://other.invalid",
    "AWS_ENDPOINT_URL_S3": "http://other.invalid",
    "AWS_DEFAULT_REGION": "not a region",
    "AWS_CA_BUNDLE": "/nowhere",
    "AWS_RETRY_MODE": "nope",
    "AWS_MAX_ATTEMPTS": "many",
    "AWS_DEFAULTS_MODE": "nope",
    "AWS_USE_FIPS_ENDPOINT": "true",
    "AWS_SESSION_TOKEN": "of another account",
}


@pytest.mark.parametrize("name", SETTINGS)
def test_setting_of_the_person_has_no_effect(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "config"
    broken.write_text("[profile")
    monkeypatch.setenv(name, SETTINGS[name].format(broken=broken))
    clients = LocalClients(ENDPOINT)
    for client in (clients.s3, clients.dynamodb, clients.sqs, clients.cloudformation, clients.sts, clients.events):
        assert (client.meta.endpoint_url, client.meta.region_name) == (ENDPOINT, REGION)
    url = clients.s3.generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "k"})
    assert "token" not in url.lower()
