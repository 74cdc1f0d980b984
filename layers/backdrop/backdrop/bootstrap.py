"""The composition root: makes the services of each function, and of the commands, from settings and AWS clients.

Each builder imports what it builds, so that a function loads nothing that only others need. The client factory is a
parameter: the simulated world runs the same services on the same adapters, and fakes boto3's clients below them.
"""

from __future__ import annotations

from functools import cache, cached_property, partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import datetime

    from aws_lambda_powertools import Logger

    from backdrop.aws.answer_spool import Answers
    from backdrop.aws.batch import Inbox
    from backdrop.aws.call_input_store import S3Inputs
    from backdrop.aws.campaign_files import CampaignFiles, S3Manifests
    from backdrop.aws.event_bus import EventBus
    from backdrop.aws.ledger import Ledger
    from backdrop.aws.ledger_index import Books
    from backdrop.aws.operator_mail import TopicMail
    from backdrop.aws.s3 import OutputBucket, S3Photos
    from backdrop.aws.settings import Settings
    from backdrop.aws.sqs import Queue
    from backdrop.aws.table import Table
    from backdrop.campaigns.finish import Reporter
    from backdrop.campaigns.items import Items, Prices
    from backdrop.campaigns.plan import Planner
    from backdrop.deliver.provider_notifications import LaneNews
    from backdrop.deliver.service import Deliver
    from backdrop.intake.instruction_resolver import Asking
    from backdrop.intake.service import Intake
    from backdrop.model.pricing import Configured
    from backdrop.model.transitions import Step
    from backdrop.operate.cancel import Cancelling
    from backdrop.operate.redrive import Orders
    from backdrop.operate.rerun import Reruns
    from backdrop.pipeline.breaker import LaneKeeper
    from backdrop.pipeline.documents import Views
    from backdrop.pipeline.purchase import Payments
    from backdrop.pipeline.recovery import LostAnswers
    from backdrop.ports import Clock, Downloads, InputBucket, Manifests, Provider
    from backdrop.reconcile.dead_letters import DeadLetters
    from backdrop.reconcile.service import Reconcile
    from backdrop.render.service import Render

type ClientFactory = Callable[[str], Any]
"""Makes the AWS client of a service by the name that boto3 has for it."""


class Bootstrap:
    """Builds services. Building calls nothing on AWS, so that a function can do it while it starts.

    `client` is called once for each AWS service. `observe` is called with each transition that the ledger took.
    """

    def __init__(
        self, settings: Settings, client: ClientFactory, clock: Clock, observe: Callable[[Step], None] = lambda _: None
    ) -> None:
        self.settings = settings
        self.client = cache(client)
        self.clock = clock
        self._observe = observe

    # -- one builder per function ------------------------------------------------------------------------------

    def inbox(self, logger: Logger, queue_urls: Collection[str]) -> Inbox:
        """What takes a function's messages out of these queues."""
        from backdrop.aws.batch import Inbox
        from backdrop.aws.sqs import name_of

        return Inbox(self.client("sqs"), {name_of(url): url for url in queue_urls}, self.dead_letter_queue, logger)

    def intake(self) -> Intake:
        from backdrop.intake.apply import Photos
        from backdrop.intake.batch_prefetch import Strangers
        from backdrop.intake.dispatch import Onward
        from backdrop.intake.folder_defaults import FolderDefaults, Folders
        from backdrop.intake.instruction_resolver import Asking
        from backdrop.intake.photo_reader import Seer
        from backdrop.intake.references import References
        from backdrop.intake.service import Intake
        from backdrop.pipeline.documents import Receipts
        from backdrop.pipeline.failover import Moves, into_lanes
        from backdrop.pipeline.image_requests import Hearing

        ours, lanes, prices = self.settings, self.lanes, self.settings.prices
        defaults = FolderDefaults(self.photos)
        references = References(self.photos, self.inputs, ours.max_image_megapixels)
        folders = Folders(self.ledger, self.books, defaults, self.intake_queue, self.deliver_queue, self.clock)
        hearing = Hearing(self.ledger, self.deliver_queue, self.clock)
        photo = Photos(
            asking=Asking(
                photos=self.photos,
                reader=Seer(self.photos, self.inputs, ours.max_image_megapixels),
                defaults=defaults,
                references=references,
                clock=self.clock,
                default_provider=ours.default_provider,
                prices=prices,
                lane_of=self.ledger.lane,
            ),
            ledger=self.ledger,
            folders=folders,
            hearing=hearing,
            deliver=self.deliver_queue,
            intake=self.intake_queue,
            onward=Onward(
                ledger=self.ledger,
                lanes=lanes,
                moves=Moves(self.ledger, lanes, into_lanes(lanes), self.deliver_queue, self.clock, prices),
                receipts=Receipts(self.output, ours.input_bucket),
                deliver=self.deliver_queue,
                clock=self.clock,
            ),
            strangers=Strangers(self.ledger),
            clock=self.clock,
            settle_seconds=ours.settle_seconds,
        )
        return Intake(self.photos, self.ledger, self.clock, defaults, references, photo, folders, hearing)

    def render(self) -> Render:
        """Render of every lane; it puts no job into a lane itself."""
        from backdrop.aws.step_functions import Executions
        from backdrop.pipeline.enqueue import begin_again
        from backdrop.pipeline.failover import Moves
        from backdrop.pipeline.orphan_jobs import Stopping
        from backdrop.render.call_inputs import Material
        from backdrop.render.service import Render

        back_to_intake = partial(begin_again, self.intake_queue)
        return Render(
            material=Material(self.photos, self.inputs, self.ledger),
            ledger=self.ledger,
            keeper=self.keeper,
            stopping=Stopping(self.ledger, Executions(self.client("stepfunctions"), self.clock), self.clock),
            payments=self.payments,
            lost=self.lost_answers,
            moves=Moves(
                self.ledger, self.providers, back_to_intake, self.deliver_queue, self.clock, self.settings.prices
            ),
            providers=self.providers,
            deliver=self.deliver_queue,
            intake=self.intake_queue,
            clock=self.clock,
        )

    def deliver(self) -> Deliver:
        from backdrop.aws.step_functions import TaskTokens
        from backdrop.deliver.followers import Followers
        from backdrop.deliver.paid_files import PaidFiles
        from backdrop.deliver.pictures import Pictures
        from backdrop.deliver.service import Deliver
        from backdrop.deliver.task_callbacks import Answering

        ours = self.settings
        pictures = Pictures(
            ledger=self.ledger,
            photos=self.photos,
            output=self.output,
            deliver=self.deliver_queue,
            files=PaidFiles(self.output, self.downloads, self.clock, ours.max_image_megapixels),
            clock=self.clock,
            input_bucket=ours.input_bucket,
            max_megapixels=ours.max_image_megapixels,
            provenance=ours.provenance_metadata,
        )
        return Deliver(
            ledger=self.ledger,
            pictures=pictures,
            views=self.views,
            followers=Followers(self.ledger, self.deliver_queue, self.intake_queue, self.clock),
            events=self.events,
            answering=Answering(self.ledger, TaskTokens(self.client("stepfunctions")), self.clock),
            dead_letters=self.dead_letter_queue,
            clock=self.clock,
        )

    def lane_news(self) -> LaneNews:
        """The service for deliver's messages about a provider."""
        from backdrop.deliver.provider_notifications import LaneNews

        return LaneNews(self.ledger, self.output, self.events, self.views)

    def reconcile(self) -> Reconcile:
        from backdrop.aws.step_functions import A_RUN, Executions
        from backdrop.pipeline.failover import Moves, into_lanes
        from backdrop.pipeline.orphan_jobs import Stopping
        from backdrop.reconcile.due import PutBack
        from backdrop.reconcile.service import Reconcile
        from backdrop.reconcile.sweep import Sweep

        ours, lanes = self.settings, self.lanes
        executions = Executions(self.client("stepfunctions"), self.clock, A_RUN)
        put_back = PutBack(
            ledger=self.ledger,
            lost=self.lost_answers,
            providers=self.providers,
            lanes=lanes,
            deliver=self.deliver_queue,
            intake=self.intake_queue,
            clock=self.clock,
        )
        return Reconcile(
            ledger=self.ledger,
            books=self.books,
            keeper=self.keeper,
            answers=self.answers,
            put_back=put_back,
            stopping=Stopping(self.ledger, executions, self.clock),
            moves=Moves(
                self.ledger, self.providers, into_lanes(lanes), self.deliver_queue, self.clock, self.settings.prices
            ),
            letters=self.dead_letters(),
            sweep=Sweep(
                photos=self.photos,
                ledger=self.ledger,
                intake=self.intake_queue,
                clock=self.clock,
                bucket=ours.input_bucket,
                since=lambda: self.stack_created,
            ),
            deliver=self.deliver_queue,
            intake=self.intake_queue,
            waiting=self.deliver_queue.waiting,
            lanes=lanes,
            clock=self.clock,
            daily_budget=self.daily_budget,
        )

    def planner(self) -> Planner:
        """The service of a campaign's first step."""
        from backdrop.campaigns.plan import Planner

        ours = self.settings
        return Planner(
            items=self.campaign_items(),
            prices=self.campaign_prices(),
            files=self.campaign_files,
            clock=self.clock,
            limits=ours.limits,
            default_provider=ours.default_provider,
        )

    def reporter(self) -> Reporter:
        """The service of a campaign's end."""
        from backdrop.campaigns.finish import Reporter

        return Reporter(self.books, self.campaign_files, self.manifests, self.events, self.mail, self.clock)

    # -- what people order -------------------------------------------------------------------------------------

    def orders(self) -> Orders:
        from backdrop.operate.redrive import Orders

        return Orders(
            ledger=self.ledger,
            books=self.books,
            output=self.output,
            lanes=self.lanes,
            deliver=self.deliver_queue,
            intake=self.intake_queue,
            clock=self.clock,
            prices=self.settings.prices,
        )

    def cancelling(self) -> Cancelling:
        from backdrop.operate.cancel import Cancelling

        return Cancelling(self.ledger, self.books, self.keeper, [*self.lanes], self.deliver_queue, self.clock)

    def reruns(self, photos: InputBucket | None = None) -> Reruns:
        """`photos`: the input bucket as somebody imagines it."""
        from backdrop.operate.rerun import Reruns

        asking = self._read_only_asking(photos or self.photos)
        return Reruns(asking, self.ledger, self.intake_queue, self.settings.input_bucket, [*self.lanes])

    def dead_letters(self) -> DeadLetters:
        from backdrop.aws.events import looks_of
        from backdrop.aws.sqs import Letters
        from backdrop.reconcile.dead_letters import DeadLetters

        ours = self.settings
        return DeadLetters(
            ledger=self.ledger,
            letters=Letters(self.client("sqs"), ours.dead_letter_queue_url),
            dead_letters=self.dead_letter_queue,
            deliver=self.deliver_queue,
            intake=self.intake_queue,
            clock=self.clock,
            looks=partial(looks_of, bucket=ours.input_bucket, readable=ours.readable, again=True),
        )

    # -- what several services share ---------------------------------------------------------------------------

    @cached_property
    def keeper(self) -> LaneKeeper:
        from backdrop.aws.lambda_mappings import MappedLanes
        from backdrop.pipeline.breaker import LaneKeeper

        urls = {name: lane.queue_url for name, lane in self.settings.lanes.items()}
        mappings = MappedLanes(self.client("lambda"), self.settings.render_function_name, urls)
        return LaneKeeper(self.ledger, mappings, self.deliver_queue, self.clock)

    @cached_property
    def payments(self) -> Payments:
        from backdrop.pipeline.purchase import Payments

        return Payments(self.ledger, self.keeper, self.answers, self.clock, self.daily_budget, self.settings.prices)

    @cached_property
    def lost_answers(self) -> LostAnswers:
        from backdrop.pipeline.recovery import LostAnswers

        return LostAnswers(self.ledger, self.payments, self.clock, self.settings.on_lost_answer)

    @cached_property
    def views(self) -> Views:
        from backdrop.pipeline.documents import Views

        return Views(self.ledger, self.output, self.settings.input_bucket)

    def campaign_items(self, manifests: Manifests | None = None) -> Items:
        """`manifests`: lists that do not lie in the input bucket."""
        from backdrop.campaigns.items import Items

        return Items(self.photos, manifests or self.manifests, self.settings.input_bucket)

    def campaign_prices(self) -> Prices:
        from backdrop.campaigns.items import Prices
        from backdrop.model.routing import Market

        ours = self.settings
        market = Market([*ours.limits], ours.prices)
        return Prices(self._read_only_asking(self.photos), self.ledger, market, ours.input_bucket)

    def _read_only_asking(self, photos: InputBucket) -> Asking:
        ours = self.settings
        return read_only_asking(photos, self.clock, ours.default_provider, ours.max_image_megapixels, ours.prices)

    # -- adapters ----------------------------------------------------------------------------------------------

    @cached_property
    def table(self) -> Table:
        from backdrop.aws.table import Table

        ours = self.settings
        return Table(self.client("dynamodb"), ours.ledger_table, self.clock, kept_days=ours.ledger_retention_days)

    @cached_property
    def ledger(self) -> Ledger:
        from backdrop.aws.ledger import Ledger

        return Ledger(self.table, self._observe)

    @cached_property
    def books(self) -> Books:
        from backdrop.aws.ledger_index import Books

        return Books(self.table)

    @cached_property
    def stack_created(self) -> datetime:
        return self.table.created()

    @cached_property
    def photos(self) -> S3Photos:
        from backdrop.aws.s3 import S3Photos

        return S3Photos(self.client("s3"))

    @cached_property
    def output(self) -> OutputBucket:
        from backdrop.aws.s3 import OutputBucket

        return OutputBucket(self.client("s3"), self.settings.output_bucket)

    @cached_property
    def inputs(self) -> S3Inputs:
        from backdrop.aws.call_input_store import S3Inputs

        return S3Inputs(self.output)

    @cached_property
    def answers(self) -> Answers:
        from backdrop.aws.answer_spool import Answers

        return Answers(self.output)

    @cached_property
    def manifests(self) -> S3Manifests:
        from backdrop.aws.campaign_files import S3Manifests

        return S3Manifests(self.client("s3"))

    @cached_property
    def campaign_files(self) -> CampaignFiles:
        from backdrop.aws.campaign_files import CampaignFiles

        return CampaignFiles(self.client("s3"), self.settings.output_bucket)

    @cached_property
    def events(self) -> EventBus:
        from backdrop.aws.event_bus import EventBus

        return EventBus(self.client("events"), self.settings.event_bus_name)

    @cached_property
    def mail(self) -> TopicMail:
        from backdrop.aws.operator_mail import TopicMail

        return TopicMail(self.client("sns"), self.settings.mail_topic_arn)

    @cached_property
    def providers(self) -> Mapping[str, Provider]:
        """The adapters of the providers that are on."""
        from backdrop.aws.secrets import api_key
        from backdrop.aws.work_links import S3Work
        from backdrop.providers.registry import roster

        ours = self.settings
        work = S3Work(self.client("s3"), ours.output_bucket)
        return roster(ours.lanes, partial(api_key, ours.stack_name), work, ours.prices, ours.options)

    @cached_property
    def downloads(self) -> Downloads:
        from backdrop.providers.downloads import ResultDownloads

        ours = self.settings
        return ResultDownloads({name: one.base_url for name, one in ours.providers.items()}, ours.extra_hosts)

    @cached_property
    def lanes(self) -> Mapping[str, Queue]:
        """The queues of the providers that are on."""
        return {name: self._queue(lane.queue_url) for name, lane in self.settings.lanes.items()}

    @cached_property
    def intake_queue(self) -> Queue:
        return self._queue(self.settings.intake_queue_url)

    @cached_property
    def deliver_queue(self) -> Queue:
        return self._queue(self.settings.deliver_queue_url)

    @cached_property
    def dead_letter_queue(self) -> Queue:
        return self._queue(self.settings.dead_letter_queue_url)

    @property
    def daily_budget(self) -> int:
        """Micro-dollars."""
        from backdrop.model.pricing import micro_of

        return micro_of(self.settings.daily_budget_usd)

    def _queue(self, url: str) -> Queue:
        from backdrop.aws.sqs import Queue

        return Queue(self.client("sqs"), url)


def read_only_asking(
    photos: InputBucket, clock: Clock, default_provider: str, max_megapixels: int, prices: Configured
) -> Asking:
    """For those who ask what intake would do with photos, on this machine too: it puts nothing anywhere."""
    from backdrop.intake.folder_defaults import FolderDefaults
    from backdrop.intake.instruction_resolver import Asking, Nowhere
    from backdrop.intake.photo_reader import Seer
    from backdrop.intake.references import References

    references = References(photos, Nowhere(), max_megapixels)
    seer = Seer(photos, Nowhere(), max_megapixels)
    return Asking(photos, seer, FolderDefaults(photos), references, clock, default_provider, prices)
