"""Campaigns, put together of ports."""

from collections.abc import Mapping
from dataclasses import dataclass

from backdrop.campaign_ports import CampaignFiles, Mail, Manifests
from backdrop.core.choice import Market
from backdrop.core.money import Configured
from backdrop.ports import Books, Clock, Events, InputBucket, Ledger
from backdrop.steps.asking import looking
from backdrop.steps.campaign_end import Reporter
from backdrop.steps.campaign_items import Items, Prices
from backdrop.steps.campaign_plan import Planner


@dataclass(frozen=True)
class Campaigning:
    """All that planning and reporting need; `limits`: the calls that each provider that is on may have open."""

    photos: InputBucket
    manifests: Manifests
    files: CampaignFiles
    ledger: Ledger
    books: Books
    events: Events
    mail: Mail
    clock: Clock
    input_bucket: str
    default_provider: str
    limits: Mapping[str, int]
    prices: Configured
    max_megapixels: int


def planner(ports: Campaigning) -> Planner:
    """Who is asked, and what that may cost."""
    asking = looking(ports.photos, ports.clock, ports.default_provider, ports.max_megapixels, ports.prices)
    return Planner(
        items=Items(ports.photos, ports.manifests, ports.input_bucket),
        prices=Prices(asking, ports.ledger, Market([*ports.limits], ports.prices), ports.input_bucket),
        files=ports.files,
        clock=ports.clock,
        limits=ports.limits,
        default_provider=ports.default_provider,
    )


def reporter(ports: Campaigning) -> Reporter:
    """What became of them."""
    return Reporter(ports.books, ports.files, ports.manifests, ports.events, ports.mail, ports.clock)
