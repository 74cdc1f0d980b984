"""The base of the ledger's records, which are immutable: a transition creates new ones."""

from dataclasses import dataclass
from typing import ClassVar, dataclass_transform

from pydantic import ConfigDict


class Record:
    """Immutable, which the type checker enforces. Unknown fields, such as a newer release's, are an error."""

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.__dict__.items())})"


@dataclass_transform(frozen_default=True, kw_only_default=True)
def record[C](cls: type[C]) -> type[C]:
    """Makes a dataclass that uses Record's methods; generating them per class would add 0.4 ms to every cold start."""
    return dataclass(kw_only=True, eq=False, repr=False)(cls)
