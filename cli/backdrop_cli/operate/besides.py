"""What `failures` shows besides: what only waits, and dead letters that are no photo's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backdrop.core.lane import Pause
from backdrop.steps.orders import Wanted
from backdrop_cli.operate.lanes import described
from backdrop_cli.screen import Screen, several
from backdrop_cli.stack import Stack


@dataclass(frozen=True)
class Besides:
    """`paused`: why, by provider. `letters`: how many of each code are no job's."""

    paused: Mapping[str, Sequence[Pause]]
    letters: Mapping[str, int]

    @classmethod
    def of(cls, stack: Stack, meant: Wanted) -> "Besides":
        """What there is now; letters that are no job's have a code, and neither provider nor key."""
        paused = {name: pauses for name in stack.providers if (pauses := stack.keeper.ledger.lane(name).pauses)}
        letters = {} if meant.provider or meant.prefix else stack.letters.of_no_job()
        return cls(paused, {code: n for code, n in letters.items() if not meant.codes or code in meant.codes})

    def tell(self, screen: Screen) -> None:
        """In a line each."""
        lines = [
            f"photos wait: {name} is paused ({one.code.value}): {one.message}"
            for name, pauses in self.paused.items()
            for one in pauses
        ]
        lines += [
            f"{several(number, 'dead letter')} ({code}) {'is' if number == 1 else 'are'} no photo's; what the message "
            "was and what is wrong with it stands in the dead-letter queue."
            for code, number in self.letters.items()
        ]
        if lines:
            screen.say()
        for line in lines:
            screen.say(f"Besides, {line}")

    def document(self) -> dict[str, Any]:
        """The same for scripts."""
        paused = {name: [described(one) for one in pauses] for name, pauses in self.paused.items()}
        return {"paused": paused, "other_dead_letters": dict(self.letters)}
