"""Which mandate owns a photo's folder, for previews of what would be bought."""

from dataclasses import dataclass, field, replace
from typing import Self

from backdrop.aws.ledger import Ledger
from backdrop.model.mandate import MandateAccount, MandateRegistry


@dataclass(eq=False, repr=False)
class MandateDirectory:
    """The mandates of the input bucket. Each is read once, until `clear` is called."""

    ledger: Ledger
    bucket: str
    _registry: MandateRegistry | None = None
    _accounts: dict[str, MandateAccount | None] = field(default_factory=dict[str, MandateAccount | None])

    @classmethod
    def for_client(cls, ledger: Ledger, account: MandateAccount) -> Self:
        """Returns the directory of a mandate's client, which can read neither the registry nor the owner's defaults.

        Those may allow images of any folder, so the mandate in it does.
        """
        mandate = account.mandate
        known = replace(account, mandate=replace(mandate, prefix=""))
        return cls(ledger, mandate.bucket, MandateRegistry().with_owner(mandate), {mandate.name: known})

    def find_owner(self, key: str) -> MandateAccount | None:
        """Returns the mandate that owns a photo's folder; None if there is none."""
        if self._registry is None:
            self._registry = self.ledger.read_mandate_registry()
        name = self._registry.find_name(self.bucket, key)
        if name is None:
            return None
        if name not in self._accounts:
            self._accounts[name] = self.ledger.find_mandate(name)
        return self._accounts[name]

    def clear(self) -> None:
        self._registry = None
        self._accounts.clear()
