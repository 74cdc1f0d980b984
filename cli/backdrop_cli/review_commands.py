"""Options and help of the review commands; each is implemented in its own module, imported when it runs."""

import json
import re
from collections.abc import Callable
from typing import Annotated

import typer

from backdrop_cli.errors import UsageError
from backdrop_cli.instruction_options import with_instruction_options
from backdrop_cli.operator_commands import Yes
from backdrop_cli.options import JsonOutput, Profile, Region, StackLocation, StackName, open_stack

PhotoKey = Annotated[str, typer.Argument(metavar="KEY", help="Key of the photo in the input bucket")]
Variant = Annotated[
    str | None, typer.Option("--variant", metavar="NAME", help="Only this variant; without it, all variants")
]
RedoneVariant = Annotated[
    str | None,
    typer.Option("--variant", metavar="NAME", help="Only this variant; required if the photo has variants"),
]
PictureNumber = Annotated[
    int | None,
    typer.Option("--picture", metavar="N", min=1, help="Only this picture; without it, all pictures that wait"),
]
FileHash = Annotated[
    str | None,
    typer.Option(
        "--sha256",
        metavar="HEX",
        help="SHA-256 of the file that you saw, from --json; at least its first 8 digits",
    ),
]
SHA256_PATTERN = re.compile("[0-9a-fA-F]{8,64}")


def list_pictures(
    ctx: typer.Context,
    prefix: Annotated[str, typer.Option("--prefix", metavar="PREFIX", help="Beginning of the photos' keys")] = "",
    policy: Annotated[
        bool, typer.Option("--policy", help="Print the IAM policy of a person who may only see and decide pictures")
    ] = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> None:
    """Show the pictures that wait for approval, and decide about them

    Without a command, lists the pictures, the worst verdict first.

    Example: backdrop review approve shoes/red.jpg
    """
    if ctx.invoked_subcommand:
        return
    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        from backdrop_cli.operate.review import show_approver_policy, show_waiting_pictures

        if policy:
            show_approver_policy(target_stack, screen)
        else:
            show_waiting_pictures(target_stack, screen, prefix)


def _build_decision_command(name: str, decision: str, help_text: str) -> Callable[..., None]:
    """Returns the command that makes this decision (a value of `ReviewDecision`)."""

    def decide(
        ctx: typer.Context,
        key: PhotoKey,
        variant: Variant = None,
        picture: PictureNumber = None,
        sha256: FileHash = None,
        stack: StackName = None,
        profile: Profile = None,
        region: Region = None,
        as_json: JsonOutput = False,
    ) -> None:
        from backdrop.model.review import ReviewDecision
        from backdrop_cli.operate.review import PictureChoice, decide_pictures

        choice = PictureChoice(key, variant, picture, sha256 and sha256.lower())
        if sha256 is not None and not SHA256_PATTERN.fullmatch(sha256):
            raise UsageError("--sha256 must be the first 8 to 64 hexadecimal digits of the file's SHA-256")
        with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
            decide_pictures(target_stack, screen, choice, ReviewDecision(decision))

    decide.__name__, decide.__doc__ = name, help_text
    return decide


approve = _build_decision_command(
    "approve",
    "approved",
    """Approve pictures that wait, so that they are delivered

    Records your AWS identity. The outputs are made from exactly the files that wait.

    Example: backdrop review approve shoes/red.jpg --variant beach
    """,
)
reject = _build_decision_command(
    "reject",
    "rejected",
    """Reject pictures that wait, so that they are not delivered; their money stays spent

    Records your AWS identity.

    Example: backdrop review reject shoes/red.jpg --picture 2
    """,
)


@with_instruction_options
def redo(
    ctx: typer.Context,
    key: PhotoKey,
    new_sidecar: bytes | None,
    variant: RedoneVariant = None,
    yes: Yes = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> None:
    """Buy another picture with new instructions, after showing the price and asking for confirmation

    Changes the given fields in the photo's sidecar. Pictures that waited, or were approved and are not delivered yet,
    are discarded.

    Example: backdrop review redo shoes/red.jpg --prompt "on a wooden table"
    """
    from backdrop_cli.operate.review_redo import redo_picture

    if new_sidecar is None:
        raise UsageError("say what the other picture must show, such as --prompt TEXT")
    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        redo_picture(target_stack, screen, key, variant, json.loads(new_sidecar), yes=yes)
