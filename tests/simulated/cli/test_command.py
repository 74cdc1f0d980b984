"""The command line itself: options before and after the subcommand, help, exit codes, and AWS's errors explained."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, cast

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
    SSLError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)

from backdrop.aws.aws_errors import unavailable
from backdrop.model.codes import Code
from backdrop.model.errors import RetryLaterError
from backdrop_cli.main import run
from backdrop_cli.options import StackLocation
from backdrop_cli.stack import Stack
from backdrop_client.errors import BackdropClientError, NotAuthorizedError, translate_errors
from simulation.world.simulated_stack import World
from simulation.world.transport import ServiceCall, TargetedFault, build_client_error
from simulation.world.world_inspector import LEDGER_TABLE
from tests.simulated.command_user import Person
from tests.unit.template_document import read_template

VERBS = ("gallery", "failures", "redrive", "cancel", "budget", "pause", "resume")


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Person:
    return Person(World(), monkeypatch)


@pytest.mark.parametrize(
    ("words", "location"),
    [
        (("failures",), StackLocation()),
        (("failures", "--stack", "shop"), StackLocation("shop")),
        (("--stack", "shop", "failures"), StackLocation("shop")),
        (
            ("--profile", "me", "failures", "--stack", "shop", "--region", "eu-west-1"),
            StackLocation("shop", "me", "eu-west-1"),
        ),
        (("--stack", "one", "failures", "--stack", "two"), StackLocation("two")),
        (("pause", "--stack", "shop", "ideogram"), StackLocation("shop")),
        (("pause", "ideogram", "--stack", "shop"), StackLocation("shop")),
    ],
)
def test_stack_options_are_accepted_in_any_position(
    person: Person, words: tuple[str, ...], location: StackLocation
) -> None:
    assert person.run(*words).code == 0
    assert person.requested_locations == [location]


def test_command_prints_its_release(capsys: pytest.CaptureFixture[str]) -> None:
    """The release comes from the template, which is the only place that states it."""
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"backdrop {read_template()['Outputs']['Version']['Value']}\n"


def test_json_option_may_come_before_or_after_the_subcommand(person: Person) -> None:
    assert person.run("--json", "failures").data == person.run("failures", "--json").data


@pytest.mark.parametrize("words", [("--region", "eu-west-1", "failures"), ("failures", "--profile", "me")])
def test_profile_without_a_stack_does_not_select_the_local_cloud(person: Person, words: tuple[str, ...]) -> None:
    result = person.run(*words)
    assert (result.code, person.requested_locations) == (2, [])
    assert "--profile and --region need a stack on AWS; name it with --stack NAME" in result.err


@pytest.mark.parametrize(
    ("words", "code", "advice"),
    [
        (("campaign", "status", "summer"), 3, "`backdrop{} campaign status` lists the latest"),
        (("key", "set", "ideogram"), 2, "`backdrop{} key set ideogram < key.txt`"),
    ],
)
def test_command_in_an_error_names_the_stack(person: Person, words: tuple[str, ...], code: int, advice: str) -> None:
    for options in ((), ("--stack", "shop", "--region", "eu-west-1")):
        result = person.run(*options, *words)
        assert (result.code, advice.format("".join(f" {one}" for one in options)) in result.err) == (code, True)


@pytest.mark.parametrize("verb", ["up", "down", "env", "demo"])
def test_local_cloud_command_refuses_a_stack(person: Person, verb: str) -> None:
    result = person.run("--stack", "shop", verb)
    assert (result.code, result.out) == (2, "")
    assert "is for the local cloud" in result.err


@pytest.mark.parametrize("verb", VERBS)
def test_every_command_has_help_with_an_example(person: Person, verb: str) -> None:
    result = person.run(verb, "--help")
    assert result.code == 0
    assert f"Example: backdrop {verb}" in result.out
    for option in ("--stack", "--profile", "--region", "--json"):
        assert option in result.out
    assert max(len(line) for line in result.out.splitlines()) <= 80


@pytest.mark.parametrize("words", [(), ("pouse",), ("pause",), ("pause", "ideogram", "--jsn"), ("pause", "a", "b")])
def test_usage_error_has_exit_code_2(person: Person, words: tuple[str, ...]) -> None:
    result = person.run(*words)
    assert (result.code, person.requested_locations) == (2, [])
    assert result.err.startswith(("Usage: ", "error: "))


def build_error(code: str, message: str = "no") -> ClientError:
    return build_client_error(code, "DescribeStacks", 400, message)


CLOCK_CODES = (
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
    "RequestTimeTooSkewed",
    "RequestExpired",
)
AWS_ERRORS: list[tuple[Exception, str]] = [
    (build_error("ExpiredToken"), "your AWS credentials have expired; sign in"),
    (build_error("ExpiredTokenException"), "your AWS credentials have expired; sign in"),
    (build_error("InvalidClientTokenId"), "AWS rejects your credentials (InvalidClientTokenId: no); sign in"),
    (
        build_error("SignatureDoesNotMatch", "It differs.\n\nThe Canonical String has the token X"),
        "AWS rejects your credentials (SignatureDoesNotMatch: It differs); sign in",
    ),
    (build_error("RequestExpired", "It was signed at 18:15"), "this computer's clock may be wrong; set it"),
    (
        build_error("AccessDenied", "User: me is not\nauthorized"),
        "your AWS credentials do not allow DescribeStacks: User: me is not authorized; first get this permission",
    ),
    (build_error("ValidationError", "Stack with id shop does not exist"), "there is no stack shop in eu-west-1;"),
    (build_error("Throttling", "slower"), "AWS refused DescribeStacks (Throttling): slower"),
    (NoCredentialsError(), "there are no AWS credentials; sign in"),
    (NoRegionError(), "no AWS region is set; add --region"),
    (ProfileNotFound(profile="me"), "your AWS configuration has no profile me;"),
    (UnauthorizedSSOTokenError(), "your AWS sign-in has expired; sign in"),
    (TokenRetrievalError(provider="sso", error_msg="gone"), "your AWS sign-in has expired; sign in"),
    (EndpointConnectionError(endpoint_url="https://x.invalid"), "AWS does not respond; check the network"),
    (SSLError(endpoint_url="https://x.invalid", error=OSError("expired")), "AWS does not respond; check the network"),
    (ValueError("Invalid endpoint: localhost:4566"), "localhost:4566 is not an address such as https://example.com;"),
    (unavailable("DynamoDB", "no table"), "The request to DynamoDB failed (no table); try again"),
    (RetryLaterError(Code.LEDGER_UNAVAILABLE, "Not now.", 5), "Not now; try again"),
]


@pytest.mark.parametrize(("error", "words"), AWS_ERRORS)
def test_aws_error_is_one_line_with_advice(error: Exception, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    def connect(_: StackLocation) -> Stack:
        raise error

    assert run(["failures", "--stack", "shop", "--profile", "me", "--region", "eu-west-1"], connect) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("error: ")
    assert words in output.err
    assert output.err.count("\n") == 1


@pytest.mark.parametrize(
    ("code", "minutes", "is_clock"),
    [
        *((code, minutes, True) for code in CLOCK_CODES for minutes in (55, -600)),
        ("ExpiredToken", 55, True),
        ("SignatureDoesNotMatch", 1, False),
        ("ExpiredToken", -1, False),
        ("AccessDenied", 55, False),
    ],
)
def test_wrong_clock_is_named_with_its_error(
    code: str, minutes: int, is_clock: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    error = build_error(code, "Signature expired: 18:15 is now earlier than 19:10")
    date = format_datetime(datetime.now(UTC) + timedelta(minutes=minutes), usegmt=True)
    cast("Any", error.response)["ResponseMetadata"]["HTTPHeaders"] = {"date": date}

    def connect(_: StackLocation) -> Stack:
        raise error

    assert run(["status", "--stack", "shop"], connect) == 1
    printed = capsys.readouterr().err
    assert (f"this computer's clock is {abs(minutes)} minutes off" in printed) == is_clock
    assert ("18:15 is now earlier than 19:10" in printed) or code == "ExpiredToken"
    with pytest.raises(NotAuthorizedError) as raised, translate_errors():
        raise error
    assert (f"clock is {abs(minutes)} minutes off" in str(raised.value)) == is_clock


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_CLOUDFORMATION"])
@pytest.mark.parametrize(
    "error",
    [
        build_error("ValidationError", "Stack with id shop does not exist"),
        EndpointConnectionError(endpoint_url="http://127.0.0.1:4566"),
        ConnectTimeoutError(endpoint_url="http://127.0.0.1:4566"),
    ],
)
def test_left_over_endpoint_is_named(
    variable: str, error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(variable, "http://127.0.0.1:4566")

    def connect(_: StackLocation) -> Stack:
        raise error

    assert run(["status", "--stack", "shop", "--region", "eu-west-1"], connect) == 1
    words = f"{variable} is http://127.0.0.1:4566, so requests go there and not to AWS; unset it to use AWS"
    assert words in capsys.readouterr().err
    with pytest.raises(BackdropClientError) as raised, translate_errors():
        raise error
    assert words in raised.value.hint


def expire(call: ServiceCall) -> None:
    raise build_client_error("ExpiredTokenException", call.operation, 400)


@pytest.mark.parametrize(
    "words",
    [
        ("status",),
        ("failures",),
        ("spend",),
        ("statement", "2026-11"),
        ("review",),
        ("show", "a.jpg"),
        ("pause", "ideogram"),
        ("redrive", "--yes"),
        ("rerun", "--all", "--yes"),
        ("cancel", "--all", "--yes"),
        ("download", "--all", "done"),
        ("gallery",),
        ("gallery", "--one-file", "page.html"),
        ("campaign", "quote", "shoes/", "--remove"),
        ("campaign", "run", "shoes/", "--remove", "--yes"),
    ],
)
def test_command_that_outlives_its_credentials_says_how_to_go_on(
    words: tuple[str, ...], person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    person.world.transport.permanent_faults.append(expire)
    result = person.run(*words)
    assert (result.code, result.err.count("\n")) == (1, 1)
    assert "your AWS credentials have expired; sign in" in result.err
    assert "run the same command again" in result.err


def test_local_cloud_without_its_stack_gets_advice_to_recreate(capsys: pytest.CaptureFixture[str]) -> None:
    def connect(_: StackLocation) -> Stack:
        raise build_error("ValidationError", "Stack with id backdrop-local does not exist")

    assert run(["doctor"], connect) == 1
    assert (
        "the local cloud no longer has a stack; create it again with `make down`, then `make up`"
        in capsys.readouterr().err
    )


def test_items_of_another_release_need_its_own_command(person: Person) -> None:
    person.upload("a.jpg")
    person.world.run_until_empty()
    items = person.world.table.items
    for key, item in [(key, item) for key, item in items.items() if "body" in item]:
        items[key] = {**item, "body": {"S": item["body"]["S"].replace("{", '{"unheard_of": 1, ', 1)}}
    result = person.run("show", "a.jpg")
    assert (result.code, result.out) == (1, "")
    assert "wrote this ledger item, and this release cannot read it" in result.err
    assert "use the command of the deployed release" in result.err


def test_aws_error_that_the_ledger_wraps_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    def connect(_: StackLocation) -> Stack:
        cause = build_client_error("AccessDeniedException", "Query", 400, "not authorized.")
        raise unavailable("DynamoDB", cause) from cause

    assert run(["failures"], connect) == 1
    assert capsys.readouterr().err == (
        "error: your AWS credentials do not allow Query: not authorized; first get this permission, or choose a "
        "profile that has it with --profile\n"
    )


def test_missing_ledger_is_named_with_advice(person: Person) -> None:
    person.world.transport.faults_before.append(TargetedFault(raise_missing_table, times=1000))
    for verb in (("failures",), ("budget",), ("cancel", "--all"), ("redrive",), ("pause", "ideogram")):
        result = person.run(*verb)
        assert result.code == 1
        assert result.err.startswith(f"error: The request to DynamoDB's table {LEDGER_TABLE} failed"), verb
        assert "restore it under the same name" in result.err


def raise_missing_table(call: ServiceCall) -> None:
    """The table was deleted."""
    if call.service == "dynamodb":
        raise build_client_error("ResourceNotFoundException", call.operation, 400, "Requested resource not found")


RUN_AND_PRINT_MODULES = """
import sys
from backdrop_cli.main import run
code = run(["failures", "--stack", "shop", "--region", "eu-west-1"])
print(code, sorted(name for name in sys.modules if name.startswith("backdrop_local")))
"""


def test_commands_on_aws_import_no_local_cloud_module(tmp_path: Path) -> None:
    environment: dict[str, Any] = {"HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"}
    ran = subprocess.run(
        [sys.executable, "-c", RUN_AND_PRINT_MODULES], capture_output=True, text=True, env=environment, check=True
    )
    assert ran.stdout == "1 []\n"
    assert ran.stderr.startswith("error: there are no AWS credentials; sign in")


def test_error_without_a_local_cloud_names_both_remedies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BACKDROP_HOME", str(tmp_path / "nowhere"))
    assert run(["failures"]) == 1
    words = (
        f"no local cloud runs in {tmp_path / 'nowhere'}; start one with `make up`, or name a stack on AWS with --stack"
    )
    assert capsys.readouterr().err == f"error: {words}\n"


def test_error_for_an_unknown_name_says_where_names_are_listed(person: Person) -> None:
    assert person.run("pause", "nosuch").err == "error: there is no provider 'nosuch'; enabled in shop: ideogram\n"


def test_full_disk_is_reported_in_one_line(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail_to_write(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "out.txt")

    monkeypatch.setattr("rich.console.Console.print", fail_to_write)
    result = person.run("failures")
    assert (result.code, result.err) == (1, "error: out.txt: No space left on device\n")


HELP = """
import sys
from backdrop_cli.main import run
code = run(["--help"])
print(code, sorted({"rich", "boto3", "pydantic", "PIL"} & {*sys.modules}))
"""


def test_help_imports_no_slow_module() -> None:
    ran = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "0 []"


@pytest.mark.parametrize("verb", ["drop", "download", "show", "status", "spend", "doctor", "key set", "lint", "rerun"])
def test_every_command_has_help_in_eighty_columns(person: Person, verb: str) -> None:
    result = person.run(*verb.split(), "--help")
    assert f"Example: backdrop {verb}" in result.out
    assert max(len(line) for line in result.out.splitlines()) <= 80
    assert verb.split()[0] in person.run("--help").out


def test_command_group_without_a_subcommand_lists_them(person: Person) -> None:
    result = person.run("key")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("Usage: backdrop key")
