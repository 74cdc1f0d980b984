"""The composition root: builds the services of each function, and of the commands, from settings and AWS clients.

Each builder imports the classes that it builds, so that a function does not load code that only others need. The client
factory is a parameter: the simulated world runs the same services on the same adapters, above fakes of boto3's clients.
"""

from __future__ import annotations

from functools import cache, cached_property, partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import datetime

    from aws_lambda_powertools import Logger

    from backdrop.aws.batch import BatchConsumer
    from backdrop.aws.budget_shares import BudgetShares
    from backdrop.aws.campaign_files import CampaignFiles, S3ManifestReader
    from backdrop.aws.event_bus import EventBus
    from backdrop.aws.ledger import Ledger
    from backdrop.aws.ledger_index import LedgerQueries
    from backdrop.aws.operator_mail import OperatorMail
    from backdrop.aws.s3 import OutputBucket, S3InputBucket
    from backdrop.aws.settings import Settings
    from backdrop.aws.sqs import Queue
    from backdrop.aws.table import Table
    from backdrop.aws.work_store import AnswerSpool, S3CallInputStore
    from backdrop.campaigns.finish import CampaignReporter
    from backdrop.campaigns.items import CampaignPricing, RowReader
    from backdrop.campaigns.plan import CampaignPlanner
    from backdrop.deliver.provider_notifications import ProviderNotifications
    from backdrop.deliver.service import DeliverService
    from backdrop.deliver.signed_files import Signing
    from backdrop.intake.instruction_resolver import InstructionResolver
    from backdrop.intake.service import IntakeService
    from backdrop.model.job import Job
    from backdrop.model.pricing import ConfiguredPrices
    from backdrop.model.transitions import BudgetChange, Transition
    from backdrop.operate.cancel import CancelService
    from backdrop.operate.mandates import MandateService
    from backdrop.operate.redrive import RedriveService
    from backdrop.operate.rerun import RerunService
    from backdrop.pipeline.approvals import Approvals
    from backdrop.pipeline.breaker import CircuitBreaker
    from backdrop.pipeline.documents import DocumentWriter
    from backdrop.pipeline.failover import Failover
    from backdrop.pipeline.mandate_directory import MandateDirectory
    from backdrop.pipeline.mandate_waiters import MandateWaiters
    from backdrop.pipeline.places import Places
    from backdrop.pipeline.purchase import Purchases
    from backdrop.pipeline.recovery import Recovery
    from backdrop.ports import Clock, Downloads, InputBucket, ManifestReader, Provider, Run
    from backdrop.providers.ideogram_quotes import IdeogramQuotes
    from backdrop.providers.ideogram_usage import IdeogramUsage
    from backdrop.reconcile.bill_reconciliation import BillReconciliation
    from backdrop.reconcile.dead_letters import DeadLetterTriage
    from backdrop.reconcile.price_checks import PriceChecks
    from backdrop.reconcile.service import ReconcileService
    from backdrop.render.service import RenderService

type ClientFactory = Callable[[str], Any]
"""Creates the AWS client of a service by its name in boto3."""


class Bootstrap:
    """Builds services. Building makes no AWS calls, so that a function can do it while it starts.

    `create_client` is called once for each AWS service, and `on_transition` after each written transition.
    """

    def __init__(
        self,
        settings: Settings,
        create_client: ClientFactory,
        clock: Clock,
        on_transition: Callable[[Transition], None] = lambda _: None,
    ) -> None:
        self.settings = settings
        self.client = cache(create_client)
        self.clock = clock
        self._on_transition = on_transition

    # -- one builder per function ------------------------------------------------------------------------------

    def batch_consumer(self, logger: Logger, queue_urls: Collection[str]) -> BatchConsumer:
        from backdrop.aws.batch import BatchConsumer
        from backdrop.aws.sqs import queue_name_from_url

        return BatchConsumer(
            self.client("sqs"),
            {queue_name_from_url(url): url for url in queue_urls},
            self.dead_letter_queue,
            logger,
            self.clock,
        )

    def intake(self, run: Run | None = None) -> IntakeService:
        """`run`: where photos are decoded; None for this process."""
        from backdrop.intake.batch_prefetch import BatchPrefetch
        from backdrop.intake.brand_image_checks import BrandImageChecks
        from backdrop.intake.dispatch import Dispatcher
        from backdrop.intake.folder_defaults import FolderDefaultsCache, FolderDefaultsIntake
        from backdrop.intake.framed_photos import FramedPhotos
        from backdrop.intake.instruction_resolver import InstructionResolver
        from backdrop.intake.name_claims import NameClaims
        from backdrop.intake.photo_intake import PhotoIntake
        from backdrop.intake.photo_reader import PhotoReader
        from backdrop.intake.references import ReferenceImages
        from backdrop.intake.service import IntakeService
        from backdrop.pipeline.image_requests import ImageRequests
        from backdrop.ports import run_here

        settings = self.settings
        run = run or run_here
        defaults = FolderDefaultsCache(self.input_bucket)
        references = ReferenceImages(self.input_bucket, self.call_input_store, settings.max_image_megapixels, run)
        folders = FolderDefaultsIntake(
            self.ledger, self.ledger_queries, defaults, self.intake_queue, self.deliver_queue, self.clock
        )
        image_requests = ImageRequests(self.ledger, self.deliver_queue, self.clock)
        photo_service = PhotoIntake(
            resolver=InstructionResolver(
                photos=self.input_bucket,
                reader=PhotoReader(self.input_bucket, self.call_input_store, settings.max_image_megapixels, run),
                folder_defaults=defaults,
                reference_images=references,
                brand_image_checks=BrandImageChecks(self.input_bucket, run),
                framed_photos=FramedPhotos(
                    self.input_bucket, self.call_input_store, settings.max_image_megapixels, run
                ),
                clock=self.clock,
                default_provider=settings.default_provider,
                prices=settings.configured_prices,
                read_health=self.ledger.read_health,
                place_limits=self.place_limits,
            ),
            ledger=self.ledger,
            folder_defaults_intake=folders,
            image_requests=image_requests,
            deliver_queue=self.deliver_queue,
            intake_queue=self.intake_queue,
            dispatcher=Dispatcher(
                ledger=self.ledger,
                lanes=self.lane_queues,
                failover=self._build_failover(self._enqueue_in_lane),
                documents=self.document_writer,
                deliver_queue=self.deliver_queue,
                clock=self.clock,
            ),
            name_claims=NameClaims(self.ledger, self.clock),
            prefetch=BatchPrefetch(self.ledger),
            clock=self.clock,
            settle_seconds=settings.settle_seconds,
        )
        return IntakeService(
            self.input_bucket, self.ledger, self.clock, photo_service, folders, image_requests, self.approvals()
        )

    def render(self) -> RenderService:
        from backdrop.aws.step_functions import ExecutionMonitor
        from backdrop.pipeline.enqueue import return_to_intake
        from backdrop.pipeline.orphan_jobs import OrphanJobs
        from backdrop.render.call_inputs import CallInputs
        from backdrop.render.service import RenderService

        return RenderService(
            call_inputs=CallInputs(self.input_bucket, self.call_input_store, self.ledger),
            ledger=self.ledger,
            breaker=self.breaker,
            orphan_jobs=OrphanJobs(
                self.ledger,
                ExecutionMonitor(self.client("stepfunctions"), self.clock),
                self.deliver_queue,
                self.clock,
            ),
            places=self.places,
            purchases=self.purchases,
            recovery=self.recovery,
            # Render does not send to lanes itself: intake forwards moved jobs.
            failover=self._build_failover(partial(return_to_intake, self.intake_queue)),
            providers=self.providers,
            deliver_queue=self.deliver_queue,
            intake_queue=self.intake_queue,
            clock=self.clock,
        )

    def deliver(self) -> DeliverService:
        from backdrop.aws.lambda_mappings import UntouchedMappings
        from backdrop.aws.step_functions import TaskTokens
        from backdrop.deliver.content_waiters import ContentWaiters
        from backdrop.deliver.fidelity_checks import FidelityChecks
        from backdrop.deliver.original_photos import OriginalPhotos
        from backdrop.deliver.own_pixels import OwnPixels
        from backdrop.deliver.paid_files import PaidFiles
        from backdrop.deliver.pictures import Pictures
        from backdrop.deliver.review_files import ReviewFiles
        from backdrop.deliver.service import DeliverService
        from backdrop.deliver.signed_files import SignedFiles
        from backdrop.deliver.task_callbacks import TaskCallbacks
        from backdrop.pipeline.breaker import CircuitBreaker

        settings = self.settings
        original_photos = OriginalPhotos(self.input_bucket, settings.max_image_megapixels)
        paid_files = PaidFiles(self.output_bucket, self.downloads, self.clock, settings.max_image_megapixels)
        pictures = Pictures(
            ledger=self.ledger,
            photos=self.input_bucket,
            original_photos=original_photos,
            fidelity_checks=FidelityChecks(original_photos, paid_files, self.output_bucket, self.clock),
            review_files=ReviewFiles(self.output_bucket, self.clock, settings.max_image_megapixels),
            own_pixels=OwnPixels(original_photos, settings.max_image_megapixels),
            output_bucket=self.output_bucket,
            deliver_queue=self.deliver_queue,
            paid_files=paid_files,
            clock=self.clock,
            input_bucket_name=settings.input_bucket,
            embeds_provenance=settings.provenance_metadata,
            source_term=settings.digital_source_type,
            signed_files=SignedFiles(self.output_bucket, self._build_signing()),
        )
        return DeliverService(
            ledger=self.ledger,
            pictures=pictures,
            documents=self.document_writer,
            content_waiters=ContentWaiters(self.ledger, self.deliver_queue, self.intake_queue, self.clock),
            deliver_queue=self.deliver_queue,
            intake_queue=self.intake_queue,
            event_bus=self.events,
            task_callbacks=TaskCallbacks(self.ledger, TaskTokens(self.client("stepfunctions")), self.clock),
            dead_letter_queue=self.dead_letter_queue,
            breaker=CircuitBreaker(self.ledger, UntouchedMappings(), self.deliver_queue, self.clock),
            clock=self.clock,
        )

    def _build_signing(self) -> Signing | None:
        """Returns what asks the function `sign`; None while the stack adds no Content Credentials."""
        from backdrop.aws.clients import INVOKING_CLIENT
        from backdrop.aws.functions import Function
        from backdrop.deliver.signed_files import Signing

        settings = self.settings
        if not settings.sign_function_name:
            return None
        function = Function(self.client(INVOKING_CLIENT), settings.sign_function_name)
        return Signing(function, settings.digital_source_type, settings.content_credentials_prompt)

    def provider_notifications(self) -> ProviderNotifications:
        from backdrop.deliver.provider_notifications import ProviderNotifications

        return ProviderNotifications(self.ledger, self.output_bucket, self.events, self.document_writer)

    def reconcile(self) -> ReconcileService:
        from backdrop.aws.step_functions import RECONCILE_CACHE_DURATION, ExecutionMonitor
        from backdrop.pipeline.orphan_jobs import OrphanJobs
        from backdrop.reconcile.due import Redispatcher
        from backdrop.reconcile.service import ReconcileService
        from backdrop.reconcile.sweep import Sweep

        settings, lane_queues = self.settings, self.lane_queues
        executions = ExecutionMonitor(self.client("stepfunctions"), self.clock, RECONCILE_CACHE_DURATION)
        redispatcher = Redispatcher(
            ledger=self.ledger,
            recovery=self.recovery,
            providers=self.providers,
            lane_queues=lane_queues,
            deliver_queue=self.deliver_queue,
            intake_queue=self.intake_queue,
            clock=self.clock,
        )
        return ReconcileService(
            ledger=self.ledger,
            ledger_queries=self.ledger_queries,
            breaker=self.breaker,
            answer_spool=self.answer_spool,
            redispatcher=redispatcher,
            orphan_jobs=OrphanJobs(self.ledger, executions, self.deliver_queue, self.clock),
            failover=self._build_failover(self._enqueue_in_lane),
            mandate_waiters=self._mandate_waiters,
            dead_letters=self.dead_letters(),
            sweep=Sweep(
                photos=self.input_bucket,
                ledger=self.ledger,
                intake=self.intake_queue,
                clock=self.clock,
                bucket=settings.input_bucket,
                read_stack_created_at=lambda: self.stack_created_at,
            ),
            deliver_queue=self.deliver_queue,
            intake_queue=self.intake_queue,
            lane_queues=lane_queues,
            slots=settings.max_in_flight_by_provider,
            clock=self.clock,
            daily_budget=self.daily_budget,
        )

    def reconcile_bill(self, on_corrections: Callable[[int], None] = lambda _count: None) -> BillReconciliation:
        from datetime import timedelta

        from backdrop.model.bill import parse_key_uses
        from backdrop.reconcile.bill_reconciliation import BillReconciliation

        settings = self.settings
        return BillReconciliation(
            ledger=self.ledger,
            ledger_queries=self.ledger_queries,
            usage=self.ideogram_usage,
            deliver_queue=self.deliver_queue,
            clock=self.clock,
            key_uses=parse_key_uses(settings.ideogram_key_ids),
            final_after=timedelta(minutes=settings.bill_final_minutes),
            retention_days=settings.ledger_retention_days,
            on_corrections=on_corrections,
        )

    def price_check(
        self, on_quote_change: Callable[[BudgetChange, str], None] = lambda _change, _operation: None
    ) -> PriceChecks:
        from backdrop.reconcile.price_checks import PriceChecks

        return PriceChecks(
            self.ledger, self.budget_shares, self.ideogram_quotes, self.clock, self.daily_budget, on_quote_change
        )

    def campaign_planner(self) -> CampaignPlanner:
        from backdrop.campaigns.plan import CampaignPlanner

        settings = self.settings
        return CampaignPlanner(
            row_reader=self.campaign_row_reader(),
            pricing=self.campaign_pricing(),
            files=self.campaign_files,
            clock=self.clock,
            max_in_flight_by_provider=settings.max_in_flight_by_provider,
            default_provider=settings.default_provider,
        )

    def campaign_reporter(self) -> CampaignReporter:
        from backdrop.campaigns.finish import CampaignReporter

        return CampaignReporter(
            self.ledger_queries, self.campaign_files, self.manifest_reader, self.events, self.operator_mail, self.clock
        )

    # -- services for operators -----------------------------------------------------------------------------------

    def redrive(self) -> RedriveService:
        from backdrop.operate.redrive import RedriveService

        return RedriveService(
            ledger=self.ledger,
            ledger_queries=self.ledger_queries,
            output_bucket=self.output_bucket,
            lane_queues=self.lane_queues,
            deliver_queue=self.deliver_queue,
            intake_queue=self.intake_queue,
            clock=self.clock,
            prices=self.settings.configured_prices,
        )

    def cancel(self) -> CancelService:
        from backdrop.operate.cancel import CancelService

        return CancelService(
            self.ledger, self.ledger_queries, self.breaker, [*self.lane_queues], self.deliver_queue, self.clock
        )

    def approvals(self) -> Approvals:
        from backdrop.pipeline.approvals import Approvals

        return Approvals(self.ledger, self.deliver_queue, self.clock)

    def rerun(self, photos: InputBucket | None = None) -> RerunService:
        """`photos`: the input bucket as it would be after a planned change."""
        from backdrop.operate.rerun import RerunService

        resolver = self._build_read_only_resolver(photos or self.input_bucket)
        bucket, mandates = self.settings.input_bucket, self._build_mandate_directory()
        return RerunService(resolver, self.ledger, self.intake_queue, bucket, [*self.lane_queues], mandates)

    def dead_letters(self) -> DeadLetterTriage:
        from backdrop.aws.events import parse_intake_message
        from backdrop.aws.sqs import DeadLetterQueue
        from backdrop.reconcile.dead_letters import DeadLetterTriage

        settings = self.settings
        return DeadLetterTriage(
            ledger=self.ledger,
            dead_letter_reader=DeadLetterQueue(self.client("sqs"), settings.dead_letter_queue_url),
            dead_letter_queue=self.dead_letter_queue,
            deliver_queue=self.deliver_queue,
            intake_queue=self.intake_queue,
            clock=self.clock,
            parse_events=partial(
                parse_intake_message,
                input_bucket=settings.input_bucket,
                readable_buckets=settings.other_input_buckets,
                is_repeated=True,
            ),
        )

    # -- shared by several services --------------------------------------------------------------------------

    @cached_property
    def breaker(self) -> CircuitBreaker:
        from backdrop.aws.lambda_mappings import LambdaMappings
        from backdrop.pipeline.breaker import CircuitBreaker

        urls = {name: lane.queue_url for name, lane in self.settings.enabled_providers.items()}
        mappings = LambdaMappings(self.client("lambda"), self.settings.render_function_name, urls)
        return CircuitBreaker(self.ledger, mappings, self.deliver_queue, self.clock)

    @cached_property
    def purchases(self) -> Purchases:
        from backdrop.pipeline.purchase import Purchases

        return Purchases(
            ledger=self.ledger,
            budget_shares=self.budget_shares,
            breaker=self.breaker,
            places=self.places,
            answer_spool=self.answer_spool,
            deliver_queue=self.deliver_queue,
            clock=self.clock,
            daily_budget=self.daily_budget,
            share_count=self.budget_share_count,
            prices=self.settings.configured_prices,
        )

    @cached_property
    def places(self) -> Places:
        from backdrop.pipeline.places import Places

        return Places(self.ledger, self.clock, self.place_limits)

    @property
    def place_limits(self) -> Mapping[str, int]:
        return self.settings.place_limits

    @cached_property
    def recovery(self) -> Recovery:
        from backdrop.pipeline.recovery import Recovery

        return Recovery(
            ledger=self.ledger,
            purchases=self.purchases,
            breaker=self.breaker,
            answer_spool=self.answer_spool,
            clock=self.clock,
            policy=self.settings.on_lost_answer,
        )

    def _build_failover(self, enqueue: Callable[[Job], None]) -> Failover:
        from backdrop.pipeline.failover import Failover

        settings = self.settings
        return Failover(
            self.ledger,
            settings.enabled_providers,
            enqueue,
            self.deliver_queue,
            self.clock,
            settings.configured_prices,
            self.place_limits,
        )

    def mandates(self) -> MandateService:
        from backdrop.operate.mandates import MandateService

        return MandateService(self.ledger, self._mandate_waiters, self.clock)

    @cached_property
    def _mandate_waiters(self) -> MandateWaiters:
        from backdrop.pipeline.mandate_waiters import MandateWaiters

        return MandateWaiters(self.ledger, self.ledger_queries, self.intake_queue, self.clock)

    def _enqueue_in_lane(self, job: Job) -> None:
        from backdrop.pipeline.enqueue import enqueue_job

        enqueue_job(self.lane_queues[job.provider], job)

    @cached_property
    def document_writer(self) -> DocumentWriter:
        from backdrop.pipeline.documents import DocumentWriter

        return DocumentWriter(self.ledger, self.output_bucket, self.settings.input_bucket)

    def campaign_row_reader(self, manifests: ManifestReader | None = None) -> RowReader:
        """`manifests`: manifests that are not in the input bucket."""
        from backdrop.campaigns.items import RowReader

        return RowReader(self.input_bucket, manifests or self.manifest_reader, self.settings.input_bucket)

    def campaign_pricing(self) -> CampaignPricing:
        from backdrop.campaigns.items import CampaignPricing
        from backdrop.intake.name_claims import NameClaims
        from backdrop.intake.preview import JobPreviewer
        from backdrop.model.routing import Offers

        settings = self.settings
        offers = Offers(
            [*settings.max_in_flight_by_provider], settings.configured_prices, place_limits=self.place_limits
        )
        resolver = self._build_read_only_resolver(self.input_bucket)
        previewer = JobPreviewer(resolver, settings.input_bucket, offers, self._build_mandate_directory())
        return CampaignPricing(previewer, self.ledger, NameClaims(self.ledger, self.clock))

    def _build_mandate_directory(self) -> MandateDirectory:
        from backdrop.pipeline.mandate_directory import MandateDirectory

        return MandateDirectory(self.ledger, self.settings.input_bucket)

    def _build_read_only_resolver(self, photos: InputBucket) -> InstructionResolver:
        settings = self.settings
        return build_read_only_resolver(
            photos,
            self.clock,
            settings.default_provider,
            settings.max_image_megapixels,
            settings.configured_prices,
            self.place_limits,
        )

    # -- adapters ----------------------------------------------------------------------------------------------

    @cached_property
    def table(self) -> Table:
        from backdrop.aws.table import Table

        settings = self.settings
        return Table(
            self.client("dynamodb"), settings.ledger_table, self.clock, retention_days=settings.ledger_retention_days
        )

    @cached_property
    def ledger(self) -> Ledger:
        from backdrop.aws.ledger import Ledger

        return Ledger(self.table, self._on_transition)

    @cached_property
    def ledger_queries(self) -> LedgerQueries:
        from backdrop.aws.ledger_index import LedgerQueries

        return LedgerQueries(self.table)

    @cached_property
    def budget_shares(self) -> BudgetShares:
        from backdrop.aws.budget_shares import BudgetShares

        return BudgetShares(self.table)

    @cached_property
    def stack_created_at(self) -> datetime:
        return self.table.read_created_at()

    @cached_property
    def input_bucket(self) -> S3InputBucket:
        from backdrop.aws.s3 import S3InputBucket

        return S3InputBucket(self.client("s3"))

    @cached_property
    def output_bucket(self) -> OutputBucket:
        from backdrop.aws.s3 import OutputBucket

        return OutputBucket(self.client("s3"), self.settings.output_bucket)

    @cached_property
    def call_input_store(self) -> S3CallInputStore:
        from backdrop.aws.work_store import S3CallInputStore

        return S3CallInputStore(self.output_bucket)

    @cached_property
    def answer_spool(self) -> AnswerSpool:
        from backdrop.aws.work_store import AnswerSpool

        return AnswerSpool(self.output_bucket)

    @cached_property
    def manifest_reader(self) -> S3ManifestReader:
        from backdrop.aws.campaign_files import S3ManifestReader

        return S3ManifestReader(self.client("s3"))

    @cached_property
    def campaign_files(self) -> CampaignFiles:
        from backdrop.aws.campaign_files import CampaignFiles

        return CampaignFiles(self.client("s3"), self.settings.output_bucket)

    @cached_property
    def events(self) -> EventBus:
        from backdrop.aws.event_bus import EventBus

        return EventBus(self.client("events"), self.settings.event_bus_name)

    @cached_property
    def operator_mail(self) -> OperatorMail:
        from backdrop.aws.operator_mail import OperatorMail

        return OperatorMail(self.client("sns"), self.settings.mail_topic_arn)

    @cached_property
    def providers(self) -> Mapping[str, Provider]:
        """The adapters of the enabled providers."""
        from backdrop.aws.secrets import read_api_key
        from backdrop.aws.work_links import S3WorkStorage
        from backdrop.providers.registry import build_providers

        settings = self.settings
        work_storage = S3WorkStorage(self.client("s3"), settings.output_bucket)
        return build_providers(
            settings.enabled_providers,
            partial(read_api_key, settings.stack_name),
            work_storage,
            settings.configured_prices,
            settings.provider_options,
            _read_pixel_size,
        )

    @cached_property
    def ideogram_usage(self) -> IdeogramUsage:
        from backdrop.aws.secrets import read_admin_key
        from backdrop.model.pricing import BILL_PROVIDER
        from backdrop.providers.ideogram_usage import IdeogramUsage

        base_url = self.settings.providers[BILL_PROVIDER].base_url.rstrip("/")
        return IdeogramUsage(base_url, partial(read_admin_key, self.settings.stack_name), self.clock)

    @cached_property
    def ideogram_quotes(self) -> IdeogramQuotes:
        from backdrop.aws.secrets import read_api_key
        from backdrop.model.pricing import BILL_PROVIDER
        from backdrop.providers.ideogram_quotes import IdeogramQuotes

        settings = self.settings
        return IdeogramQuotes(
            settings.providers[BILL_PROVIDER].base_url, partial(read_api_key, settings.stack_name, BILL_PROVIDER)
        )

    @cached_property
    def downloads(self) -> Downloads:
        from backdrop.providers.downloads import ResultDownloads

        settings = self.settings
        return ResultDownloads(
            {name: provider.base_url for name, provider in settings.providers.items()}, settings.extra_result_hosts
        )

    @cached_property
    def lane_queues(self) -> Mapping[str, Queue]:
        """The queues of the enabled providers."""
        return {name: self._build_queue(lane.queue_url) for name, lane in self.settings.enabled_providers.items()}

    @cached_property
    def intake_queue(self) -> Queue:
        return self._build_queue(self.settings.intake_queue_url)

    @cached_property
    def deliver_queue(self) -> Queue:
        return self._build_queue(self.settings.deliver_queue_url)

    @cached_property
    def dead_letter_queue(self) -> Queue:
        return self._build_queue(self.settings.dead_letter_queue_url)

    @property
    def daily_budget(self) -> int:
        """Micro-dollars."""
        from backdrop.model.pricing import to_micro_usd

        return to_micro_usd(self.settings.daily_budget_usd)

    @property
    def budget_share_count(self) -> int:
        """How many shares the day's budget has; 0 if claims write the day's own item."""
        from backdrop.model.budget_shares import count_shares

        return count_shares(sum(self.settings.max_in_flight_by_provider.values()))

    def _build_queue(self, url: str) -> Queue:
        from backdrop.aws.sqs import Queue

        return Queue(self.client("sqs"), url)


def _read_pixel_size(photo: bytes) -> tuple[int, int] | None:
    from backdrop.imaging.inspect import read_pixel_size

    return read_pixel_size(photo)


def build_read_only_resolver(
    photos: InputBucket,
    clock: Clock,
    default_provider: str,
    max_megapixels: int,
    prices: ConfiguredPrices,
    place_limits: Mapping[str, int],
) -> InstructionResolver:
    """Builds a resolver that predicts intake's decisions about photos, and writes nothing. Works without a stack."""
    from backdrop.intake.brand_image_checks import BrandImageChecks
    from backdrop.intake.folder_defaults import FolderDefaultsCache
    from backdrop.intake.framed_photos import FramedPhotos
    from backdrop.intake.instruction_resolver import MAX_PREVIEWED_KEYS, InstructionResolver, NullInputs
    from backdrop.intake.photo_reader import PhotoReader
    from backdrop.intake.references import ReferenceImages

    references = ReferenceImages(photos, NullInputs(), max_megapixels)
    photo_reader = PhotoReader(photos, NullInputs(), max_megapixels)
    return InstructionResolver(
        photos=photos,
        reader=photo_reader,
        folder_defaults=FolderDefaultsCache(photos),
        reference_images=references,
        brand_image_checks=BrandImageChecks(photos),
        framed_photos=FramedPhotos(photos, NullInputs(), max_megapixels),
        clock=clock,
        default_provider=default_provider,
        prices=prices,
        place_limits=place_limits,
        max_listed_keys=MAX_PREVIEWED_KEYS,
    )
