"""The upload page's server: only the page itself has access, and every error is reported in a sentence."""

import base64
import json
import re
import socket
import stat
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from http.client import HTTPConnection, HTTPResponse
from io import BytesIO
from pathlib import Path
from threading import Thread, active_count
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.exceptions import NoCredentialsError
from PIL import Image

from backdrop.model.styles import STYLE_PRESETS
from backdrop_cli.aws_clients import AwsClients
from backdrop_cli.aws_error_messages import translate_aws_errors
from backdrop_cli.gallery.album import GalleryFile
from backdrop_cli.gallery.thumbnails import MAX_SIDE_PIXELS, build_thumbnail_link
from backdrop_cli.options import StackLocation
from backdrop_cli.served_pages.client_limits import MAX_CLIENTS, ClientLimits
from backdrop_cli.served_pages.page_access import PageAccess
from backdrop_cli.served_pages.page_server import MAX_REQUEST_BYTES, PageServer
from backdrop_cli.served_pages.presigner import FORM_SECONDS
from backdrop_cli.upload_page.page_html import SUGGESTED_PROMPTS, render_upload_page
from simulation.world.simulated_stack import World
from simulation.world.transport import ServiceCall, build_client_error
from tests.corpus.files import heic
from tests.simulated.command_user import Person
from tests.simulated.upload_page_user import PageUser, build_presigner

OURS = "/{token}/"
JSON_HEADER = "Content-Type: application/json\r\n"


class Client:
    """Sends HTTP requests to a served page, with a browser's headers unless a test overrides them."""

    def __init__(self, server: PageServer, other_user: PageUser) -> None:
        self.server, self.other_user = server, other_user
        self.host = f"127.0.0.1:{server.access.port}"

    def get(self, path: str = OURS, **headers: str) -> HTTPResponse:
        return self._send("GET", path, None, headers)

    def post(self, route: str, body: bytes | dict[str, Any], path: str = OURS, **headers: str) -> HTTPResponse:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        usual = {"Origin": f"http://{self.host}", "Content_Type": "application/json"}
        return self._send("POST", path + route, data, usual | headers)

    def send_raw(self, method: str, route: str, *headers: str, body: str = "") -> str:
        """Sends a request with these headers next to those that a page sends, and returns the answer."""
        start = f"{method} /{self.server.access.token}/{route} HTTP/1.1\r\nHost: {self.host}\r\n"
        sent = f"{start}Origin: http://{self.host}\r\n{JSON_HEADER}" + "".join(f"{one}\r\n" for one in headers)
        with socket.create_connection(("127.0.0.1", self.server.access.port), timeout=60) as connection:
            connection.sendall(f"{sent}\r\n{body}".encode("latin-1"))
            return connection.recv(65_536).decode()

    def _send(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> HTTPResponse:
        connection = HTTPConnection("127.0.0.1", self.server.access.port, timeout=60)
        sent = {name.replace("_", "-"): text for name, text in headers.items() if text}
        connection.request(method, path.format(token=self.server.access.token), body, sent)
        answer = connection.getresponse()
        self.data = answer.read()
        self.text = self.data.decode(errors="replace")
        connection.close()
        return answer


@contextmanager
def serve_page(page_user: PageUser) -> Generator[Client]:
    with PageServer(page_user.stack, build_presigner(), 0, partial(translate_aws_errors, StackLocation())) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield Client(server, page_user)
        server.shutdown()
        thread.join()


@pytest.fixture
def client() -> Generator[Client]:
    with serve_page(PageUser(World())) as opened:
        yield opened


# -- access ----------------------------------------------------------------------------------------------------


def test_page_runs_only_its_own_script_and_contacts_only_its_buckets(client: Client) -> None:
    answer = client.get()
    policy = dict(one.split(" ", 1) for one in answer.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == "'self' https://photos.s3.eu-central-1.amazonaws.com"
    assert policy["img-src"] == "blob: data: 'self'"
    nonces = set(re.findall(r'nonce="([^"]+)"', client.text))
    assert policy["script-src"] == policy["style-src"] == f"'nonce-{nonces.pop()}'"
    assert nonces == set()
    assert (policy["frame-ancestors"], policy["form-action"], policy["base-uri"]) == ("'none'",) * 3
    assert (answer.headers["Referrer-Policy"], answer.headers["Cache-Control"]) == ("no-referrer", "no-store")


def test_only_known_pictures_are_served_and_reduced(client: Client) -> None:
    big = BytesIO()
    Image.new("RGB", (1600, 1200)).save(big, "JPEG")
    client.other_user.world.upload_photo("a.jpg", big.getvalue())
    known, unknown = (GalleryFile("photos", key, None, key) for key in ("a.jpg", "b.jpg"))
    link = client.server.files.register(known)
    answer = client.get(OURS + link)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "image/webp")
    assert "max-age" in answer.headers["Cache-Control"]
    assert max(Image.open(BytesIO(client.data)).size) == MAX_SIDE_PIXELS
    assert client.get(OURS + build_thumbnail_link(unknown)).status == 404
    assert client.get(f"/no-token/{link}").status == 404
    assert client.get(OURS + client.server.files.register(unknown)).status == 404, "the file does not exist"


def test_photo_that_browsers_cannot_show_is_served_small(client: Client) -> None:
    photo = heic(Image.new("RGB", (1600, 1200), "navy"))
    answer = client.post("preview", photo, Content_Type="application/octet-stream")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "image/webp")
    assert max(Image.open(BytesIO(client.data)).size) == MAX_SIDE_PIXELS
    assert client.post("preview", b"a list", Content_Type="application/octet-stream").status == 404
    assert client.post("preview", photo, Content_Type="text/plain").status == 404
    assert (
        client.post("preview", photo, Origin="http://elsewhere", Content_Type="application/octet-stream").status == 404
    )
    assert client.post("plan", b"{}", Content_Type="application/octet-stream").status == 404


def test_every_page_has_its_nonce_and_every_request_token(client: Client) -> None:
    first = client.get().headers["Content-Security-Policy"]
    assert first != client.get().headers["Content-Security-Policy"]
    assert PageAccess(1).token != PageAccess(1).token
    assert len(PageAccess(1).token) >= 43


@pytest.mark.parametrize("path", ["/", "/x/", "/{token}", "/{token}/other", "/{token}x/", "/é/"])
def test_incorrect_address_is_not_found(client: Client, path: str) -> None:
    answer = client.get(path.replace("é", "%C3%A9"))
    assert (answer.status, "Not found" in client.text) == (404, True)


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "localhost:1", "127.0.0.1.evil.example:{port}", "[::1]:{port}"]
)
def test_other_host_name_for_this_machine_is_refused(client: Client, host: str) -> None:
    host = host.format(port=client.server.access.port)
    assert client.get(Host=host).status == 404
    assert client.post("state", {"drops": []}, Host=host, Origin=f"http://{host}").status == 404


@pytest.mark.parametrize(
    "origin", ["", "null", "https://evil.example", "http://127.0.0.1:1", "http://localhost:{port}"]
)
def test_request_from_another_page_is_refused(client: Client, origin: str) -> None:
    assert client.post("state", {"drops": []}, Origin=origin.format(port=client.server.access.port)).status == 404
    assert client.post("state", {"drops": []}).status == 200


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_content_type_of_a_plain_form_is_refused(client: Client, content_type: str) -> None:
    assert client.post("state", b'{"drops": []}', Content_Type=content_type).status == 404


def test_localhost_is_also_accepted(client: Client) -> None:
    host = f"localhost:{client.server.access.port}"
    assert client.get(Host=host).status == 200
    assert client.post("state", {"drops": []}, Host=host, Origin=f"http://{host}").status == 200


def test_nothing_is_served_to_other_machines(client: Client) -> None:
    assert client.server.server_address[0] == "127.0.0.1"


# -- signed uploads -----------------------------------------------------------------------------------------------


def test_form_allows_one_photo_of_one_size_for_minutes() -> None:
    form = build_presigner().create_form("shoes/red.jpg", 123, "image/jpeg")
    policy: dict[str, Any] = json.loads(base64.b64decode(form.fields["policy"]))
    left = datetime.fromisoformat(policy["expiration"]) - datetime.now(UTC)
    assert timedelta(seconds=FORM_SECONDS - 60) < left <= timedelta(seconds=FORM_SECONDS)
    for condition in (
        {"bucket": "photos"},
        {"key": "shoes/red.jpg"},
        {"Content-Type": "image/jpeg"},
        ["content-length-range", 123, 123],
    ):
        assert condition in policy["conditions"]
    assert (form.fields["key"], form.fields["Content-Type"]) == ("shoes/red.jpg", "image/jpeg")


def test_signed_url_names_the_region_and_the_newest_signature() -> None:
    """Otherwise, S3 would not find a new bucket, and would reject an older signature."""
    form, link = (
        build_presigner().create_form("a.jpg", 1, "image/jpeg"),
        build_presigner().create_link(GalleryFile("", "a.jpg/a.png", None, "")),
    )
    assert form.url == "https://photos.s3.eu-central-1.amazonaws.com/"
    assert form.fields["x-amz-algorithm"] == "AWS4-HMAC-SHA256"
    assert urlsplit(link).netloc == "results.s3.eu-central-1.amazonaws.com"
    assert parse_qs(urlsplit(link).query)["X-Amz-Expires"] == ["3600"]


# -- errors ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        pytest.param(b"[" * 100_000, id="deep"),
        b"\xff",
        b'{"drops": 1}',
        b'{"drops": [{"drop": true}]}',
    ],
)
def test_malformed_request_is_refused_in_a_sentence(client: Client, body: bytes) -> None:
    assert client.post("state", body).status == 400
    assert json.loads(client.text)["error"]


@pytest.mark.parametrize(
    "length", [str(MAX_REQUEST_BYTES + 1), "many", "9" * 5000, "-1", "+2", "2_0", "\xb2", "0x2", ""]
)
def test_hostile_length_of_a_request_is_not_read(client: Client, length: str) -> None:
    assert client.send_raw("POST", "state", f"Content-Length: {length}").startswith("HTTP/1.1 413")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (["Content-Length: 2"], 200),
        (["Content-Length: 2", "Content-Length: 200"], 413),
        (["Content-Length: 2", "Transfer-Encoding: chunked"], 413),
        (["Transfer-Encoding: chunked"], 413),
        (["Content-Length: 2", "Host: evil.example"], 404),
        (["Content-Length: 2", "Host: {host}"], 404),
        (["Content-Length: 2", "Origin: http://evil.example"], 404),
    ],
)
def test_hostile_request_that_two_servers_read_differently_is_refused(
    client: Client, headers: list[str], status: int
) -> None:
    answer = client.send_raw("POST", "waiting", *(header.format(host=client.host) for header in headers), body="{}")
    assert answer.startswith(f"HTTP/1.1 {status} ")


def test_hostile_clients_that_never_finish_a_request_keep_no_one_out(client: Client) -> None:
    before = active_count()
    half_open = [socket.create_connection(("127.0.0.1", client.server.access.port)) for _ in range(3 * MAX_CLIENTS)]
    for one in half_open:
        one.sendall(b"GET / HTTP/1.1\r\nHost:")
    assert client.get().status == 200
    assert active_count() - before <= 2 * MAX_CLIENTS
    for one in half_open:
        one.close()


@pytest.mark.parametrize("sent", ["", "GET /", "POST {path}state HTTP/1.1\r\nHost: {host}\r\n", "{started}"])
def test_hostile_request_that_arrives_too_slowly_is_ended(client: Client, sent: str) -> None:
    client.server.limits = ClientLimits(max_request_seconds=0.2)
    started = f"POST {{path}}waiting HTTP/1.1\r\nHost: {{host}}\r\nOrigin: http://{{host}}\r\n{JSON_HEADER}"
    text = sent.replace("{started}", f"{started}Content-Length: 10\r\n\r\n")
    with socket.create_connection(("127.0.0.1", client.server.access.port), timeout=60) as slow:
        slow.sendall(text.format(path=f"/{client.server.access.token}/", host=client.host).encode())
        assert slow.recv(100) == b""
    assert client.get().status == 200


def test_aws_errors_are_shown_on_the_page(client: Client) -> None:
    def expired(call: ServiceCall) -> None:
        if call.service == "s3":
            raise build_client_error("ExpiredToken", call.operation, 400)

    client.other_user.world.transport.permanent_faults.append(expired)
    assert client.get().status == 502
    assert "your AWS credentials have expired" in client.text


def test_missing_stack_is_reported_on_the_page(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(text: object) -> None:
        raise NoCredentialsError

    monkeypatch.setitem(client.server.api_methods, "state", cast("Any", fail))
    assert client.post("state", {}).status == 409
    assert "there are no AWS credentials" in client.text


# -- the page itself -------------------------------------------------------------------------------------------


def test_every_style_has_its_own_swatch_and_vice_versa() -> None:
    about = {"stack": "<shop>", "folder": "</script>"}
    page = render_upload_page(about, "once")
    styles = {preset.lower() for preset in STYLE_PRESETS}
    assert set(re.findall(r"^\.s-([a-z0-9_]+) \{", page, re.MULTILINE)) == styles | {"none"}
    assert set(re.findall(r'name="style" value="([A-Z0-9_]+)"', page)) == set(STYLE_PRESETS)
    assert set(re.findall(r"^\.([a-z]+) \{ background", page, re.MULTILINE)) >= set(SUGGESTED_PROMPTS.values())
    assert "stack &lt;shop&gt;" in page
    assert page.count("</script>") == 3


def test_page_requests_nothing_from_other_sites() -> None:
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)[^\s\"']+", render_upload_page({"stack": "s"}, "once")) == []


# -- the command -----------------------------------------------------------------------------------------------


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Person:
    """A person with signing credentials, whose page ends at once as with Ctrl-C."""

    def interrupt(self: PageServer, poll_interval: float = 0.5) -> None:
        raise KeyboardInterrupt

    someone = Person(World(), monkeypatch)
    other_user = PageUser(someone.world)
    signing = cast("Any", other_user.api.presigner)._client  # noqa: SLF001  no other way to it
    none = cast("Any", None)
    clients = AwsClients(*(none,) * 8, signing=signing, sns=none, sqs=none, states=none, sts=none)
    someone.stack = replace(someone.stack, clients=clients)
    monkeypatch.setattr(PageServer, "serve_forever", interrupt)
    return someone


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that the browser is sent to. It gets the path of a file that only its user can read."""
    addresses: list[str] = []

    def open_browser(argument: str) -> None:
        path = Path.from_uri(argument)
        assert [stat.S_IMODE(one.stat().st_mode) for one in (path, path.parent)] == [0o600, 0o700]
        (address,) = {*re.findall(r'http://[^"]+', path.read_text("utf-8"))}
        assert "127.0.0.1" not in argument
        addresses.append(address)

    monkeypatch.setattr("webbrowser.open", open_browser)
    return addresses


def test_command_prints_the_pages_address_and_ends_cleanly(person: Person, opened: list[str]) -> None:
    result = person.run("page")
    upload, review = re.findall(r"http://127\.0\.0\.1:\d+/[\w-]{43}/(?:review)?", result.out)
    assert (result.code, result.err, opened, review) == (0, "", [upload], f"{upload}review")
    assert "The pages are stopped. Uploaded photos are being processed" in result.out
    assert person.run("page", "--no-browser").code == 0
    assert len(opened) == 1
    assert person.run("page", "--json").data["stack"] == "shop"


def test_option_opens_the_review_page(person: Person, opened: list[str]) -> None:
    assert person.run("page", "--review").code == 0
    assert [address.endswith("/review") for address in opened] == [True]


@pytest.mark.parametrize("port", ["taken", "70000", "-1"])
def test_unavailable_port_is_reported(person: Person, port: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        result = person.run("page", "--no-browser", "--port", str(other.getsockname()[1]) if port == "taken" else port)
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("error: ")
    assert "port" in result.err


def test_bucket_name_with_a_dot_is_reported_before_serving(person: Person) -> None:
    person.stack = replace(person.stack, input_bucket="my.photos")
    result = person.run("page", "--no-browser")
    assert (result.code, "use `backdrop drop`" in result.err) == (1, True)
