"""Each provider's results are downloaded from its own hosts only."""

import pytest

from backdrop.model.codes import Code
from backdrop.model.errors import ResultError, RetryLaterError
from backdrop.providers.downloads import RESULT_HOSTS, ResultDownloads
from tests.contract.test_downloads_hosts import block_name_resolution

REAL = {
    "ideogram": "https://api.ideogram.ai",
    "segmind": "https://api.segmind.com",
    "1min": "https://api.1min.ai",
    "runware": "https://api.runware.ai",
}
OWN = [
    ("segmind", "https://images.segmind.com/generations/2c7f59ea.jpeg"),
    ("segmind", "https://api.segmind.com/v1/requests/2c7f59ea"),
    ("1min", "https://s3.us-east-1.amazonaws.com/asset.1min.ai/images/a.png?X-Amz-Signature=0"),
    ("1min", "https://asset.1min.ai.s3.us-east-1.amazonaws.com/images/a.png"),
    ("1min", "https://asset.1min.ai/images/a.png"),
    ("1min", "https://storage.1min.ai/images/a.png"),
    ("1min", "https://ideogram.ai/api/images/ephemeral/a.png?exp=1"),
    ("runware", "https://im.runware.ai/image/os/a18d05/ws/2/ii/a.png"),
]
FOREIGN = [
    ("segmind", "https://segmind-resources.s3.amazonaws.com/a.png"),
    ("segmind", "https://im.runware.ai/a.png"),
    ("segmind", "https://api.segmind.com/v2/elsewhere"),
    ("segmind", "https://images.segmind.com.evil.example/a.png"),
    ("segmind", "https://images.segmind.com@evil.example/a.png"),
    ("1min", "https://s3.us-east-1.amazonaws.com/another-bucket/a.png"),
    ("1min", "https://s3.us-east-1.amazonaws.com/asset.1min.ai/../another-bucket/a.png"),
    ("1min", "https://s3.us-east-1.amazonaws.com/asset.1min.ai/%2e%2e/another-bucket/a.png"),
    ("1min", "https://s3.us-east-1.amazonaws.com/asset.1min.ai.evil/a.png"),
    ("1min", "https://images.segmind.com/a.png"),
    ("runware", "https://vm.runware.ai/a.png"),
    ("runware", "https://assets.runware.ai/a.png"),
    ("runware", "http://im.runware.ai/a.png"),
    ("runware", "https://im.runware.ai:8443/a.png"),
    ("runware", "https://127.0.0.1/a.png"),
    ("ideogram", "https://im.runware.ai/a.png"),
]


@pytest.mark.parametrize(("provider", "url"), OWN)
def test_providers_own_hosts_are_followed(provider: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    requested_hosts = block_name_resolution(monkeypatch)
    with pytest.raises(RetryLaterError) as caught:
        ResultDownloads(REAL).fetch(provider, url)
    assert caught.value.code is Code.RESULT_UNREACHABLE
    assert requested_hosts == [url.split("/")[2]]


@pytest.mark.parametrize(("provider", "url"), FOREIGN)
def test_hosts_of_other_providers_get_no_request(provider: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    requested_hosts = block_name_resolution(monkeypatch)
    with pytest.raises(ResultError) as caught:
        ResultDownloads(REAL).fetch(provider, url)
    assert (caught.value.code, requested_hosts) == (Code.RESULT_FOREIGN_HOST, [])


def test_every_provider_has_hosts() -> None:
    assert RESULT_HOSTS.keys() == REAL.keys()
