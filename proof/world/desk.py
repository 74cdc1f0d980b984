"""The simulated stack as the command `backdrop` sees one."""

from typing import Any, cast

from backdrop.aws.buckets import S3Output, S3Photos
from backdrop.aws.campaign_files import S3Manifests
from backdrop.aws.table import Table
from backdrop.steps.asking import looking
from backdrop.steps.rerun import Reruns
from backdrop_cli.buckets import Buckets
from backdrop_cli.campaign.machine import Machine
from backdrop_cli.census import Census
from backdrop_cli.drop.uploads import S3Uploads
from backdrop_cli.stack import Line, Stack
from proof.world.sight import INPUT, OUTPUT, TABLE
from proof.world.stack import World


def desk(world: World, machine: Machine) -> Stack:
    """What its commands work on; campaigns are `machine`'s business."""
    steps = world.steps
    s3 = cast("Any", world.s3)
    asking = world.intake.photo.asking
    looks = looking(asking.photos, steps.clock, asking.default_provider, asking.see.max_megapixels)
    lanes = world.intake.photo.onward.lanes
    return Stack(
        name="shop",
        orders=steps.orders(),
        cancelling=steps.cancelling(),
        keeper=steps.keeper,
        letters=steps.reconcile.letters,
        line=lambda provider: Line(len(world.lines[provider].messages), 0),
        arriving=lambda: len(world.lines["intake"].messages),
        daily_budget=world.setup.budget,
        input_bucket=INPUT,
        output_bucket=OUTPUT,
        reruns=Reruns(looks, steps.ledger, world.intake.photo.intake, INPUT, [*lanes]),
        buckets=Buckets(s3, OUTPUT),
        photos=S3Photos(s3),
        output=S3Output(s3, OUTPUT),
        uploads=S3Uploads(s3, INPUT),
        manifests=S3Manifests(s3),
        machine=machine,
        census=Census(Table(cast("Any", world.table), TABLE, world.clock)),
        limits={provider: world.setup.in_flight for provider in lanes},
        at_once=1,
        wait=world.run_for,
    )
