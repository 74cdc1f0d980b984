"""The screen of a command that a simulated person runs: records the JSON document, and shows nothing."""

from collections.abc import Mapping
from typing import Any, override

from backdrop_cli.screen import Screen


class RecordedScreen(Screen):
    """`document`: what the command printed as JSON; empty if it printed nothing."""

    def __init__(self) -> None:
        super().__init__(as_json=True)
        self.document: Mapping[str, Any] = {}

    @override
    def print_json(self, document: Mapping[str, Any]) -> None:
        self.document = document
