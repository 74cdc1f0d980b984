"""Hostile links from a provider, or from an attacker in its place, cause no requests to internal addresses."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from backdrop.model.codes import Code
from backdrop.model.errors import ResultError, RetryLaterError
from backdrop.providers import downloads
from backdrop.providers.downloads import ResultDownloads
from backdrop_local.home import TOOLS
from tests.contract.adapters import http, recording

LINK = "https://ideogram.ai/api/images/a.png?exp=1"
SECONDS = 10.0
# Run by the emulator's Python, whose packages can create a certificate.
MAKE_CERTIFICATE = """
import datetime, sys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
key = ec.generate_private_key(ec.SECP256R1())
name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, sys.argv[1])])
now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - day, now + day)
made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(sys.argv[1])]), critical=False)
text = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
kinds = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
sys.stdout.buffer.write(text + key.private_bytes(*kinds))
"""
INSIDE = [
    "127.0.0.1",
    "127.8.8.8",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0.0.0.0",  # noqa: S104  an address that is refused
    "localhost",
    "anything.localhost",
    "169.254.169.254",
    "169.254.170.2",
    "2852039166",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "100.64.0.1",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:169.254.169.254]",
    "[fe80::1]",
    "[fd00:ec2::254]",
]


class Impostor:
    """A server on this machine with a self-signed certificate, which records the requests that it receives."""

    def __init__(self, certificate: Path) -> None:
        self.requests: list[bytes] = []
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.was_contacted = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.was_contacted.set()
            try:
                connection.settimeout(SECONDS)
                with self._context.wrap_socket(connection, server_side=True) as spoken:
                    self.requests.append(spoken.recv(65_536))
                    spoken.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret")
            except OSError:
                continue


@pytest.fixture
def impostor(tmp_path: Path) -> Generator[Impostor]:
    command = [str(TOOLS / "emulator" / "bin" / "python"), "-c", MAKE_CERTIFICATE, "ideogram.ai"]
    made = subprocess.run(command, check=True, capture_output=True)
    (tmp_path / "certificate.pem").write_bytes(made.stdout)
    server = Impostor(tmp_path / "certificate.pem")
    yield server
    server.close()


def resolve_to(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes every name resolve to this machine, as an attacker who controls a name server could."""

    def here(*arguments: object, **options: object) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", here)


def test_listed_name_that_resolves_to_this_machine_gets_no_request(
    impostor: Impostor, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_to(impostor.port, monkeypatch)
    with pytest.raises(RetryLaterError) as caught:
        ResultDownloads({"ideogram": "https://api.ideogram.ai"}).fetch("ideogram", LINK)
    assert impostor.was_contacted.wait(SECONDS)
    assert (caught.value.code, impostor.requests) == (Code.RESULT_UNREACHABLE, [])


def test_service_without_tls_receives_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    with recording(http(200, b"secret")) as service:
        resolve_to(service.port, monkeypatch)
        with pytest.raises(RetryLaterError) as caught:
            ResultDownloads({"ideogram": "https://api.ideogram.ai"}).fetch("ideogram", LINK)
        assert (caught.value.code, service.requests) == (Code.RESULT_UNREACHABLE, [])


@pytest.mark.parametrize("host", INSIDE)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_internal_address_is_never_requested(scheme: str, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*arguments: object, **options: object) -> bytes:
        pytest.fail("a request was sent")

    monkeypatch.setattr(downloads, "_fetch", never)
    for extra in ((), (host, host.strip("[]"))):
        with pytest.raises(ResultError) as caught:
            ResultDownloads({"ideogram": "https://api.ideogram.ai"}, extra).fetch(
                "ideogram", f"{scheme}://{host}/a.png"
            )
        assert caught.value.code is Code.RESULT_FOREIGN_HOST


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_never_followed(status: int) -> None:
    with recording(http(200, b"secret")) as inside:
        away = f"Location: {inside.url}/latest/meta-data/\r\n"
        with recording(http(status, b"", more=away)) as own:
            with pytest.raises(ResultError) as caught:
                ResultDownloads({"ideogram": own.url}).fetch("ideogram", f"{own.url}/a.png")
            assert (caught.value.code, len(own.requests), inside.requests) == (Code.RESULT_REDIRECTED, 1, [])
