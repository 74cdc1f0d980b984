"""What pays, put together: render, and what reconcile shares with it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from backdrop.campaign_ports import Executions
from backdrop.core.answer import OnLostAnswer
from backdrop.core.job import Job
from backdrop.core.money import Configured
from backdrop.ports import Answers, Clock, InputBucket, Inputs, Lanes, Ledger, Provider, Queue
from backdrop.steps.lanes import LaneKeeper
from backdrop.steps.lost import LostAnswers
from backdrop.steps.material import Material
from backdrop.steps.messages import begin_again
from backdrop.steps.moving import Moves
from backdrop.steps.payments import Payments
from backdrop.steps.render import Render
from backdrop.steps.stopping import Stopping


@dataclass(eq=False, repr=False)
class Paying:
    """What moves money: `daily_budget` is micro-dollars; `switches` are the lanes' mappings."""

    ledger: Ledger
    answers: Answers
    inputs: Inputs
    switches: Lanes
    providers: Mapping[str, Provider]
    deliver: Queue
    intake: Queue
    clock: Clock
    daily_budget: int
    policy: OnLostAnswer
    prices: Configured = field(default_factory=dict[str, int])

    @property
    def keeper(self) -> LaneKeeper:
        return LaneKeeper(self.ledger, self.switches, self.deliver, self.clock)

    @property
    def lost(self) -> LostAnswers:
        return LostAnswers(self.ledger, self.payments, self.clock, self.policy)

    @property
    def payments(self) -> Payments:
        return Payments(self.ledger, self.keeper, self.answers, self.clock, self.daily_budget, self.prices)

    def moves(self, carry: Callable[[Job], None]) -> Moves:
        """Fail-over, by whoever may put jobs into lanes."""
        return Moves(self.ledger, self.providers, carry, self.deliver, self.clock, self.prices)


def render(paying: Paying, photos: InputBucket, executions: Executions) -> Render:
    """The step that pays; it puts no job into a lane itself."""
    return Render(
        material=Material(photos, paying.inputs, paying.ledger),
        ledger=paying.ledger,
        keeper=paying.keeper,
        stopping=Stopping(paying.ledger, executions, paying.clock),
        payments=paying.payments,
        lost=paying.lost,
        moves=paying.moves(partial(begin_again, paying.intake)),
        providers=paying.providers,
        deliver=paying.deliver,
        intake=paying.intake,
        clock=paying.clock,
    )
