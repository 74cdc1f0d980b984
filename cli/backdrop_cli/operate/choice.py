"""What a person names on the command line: providers, codes, prefixes; an unknown one is answered with the nearest."""

from collections.abc import Iterable, Sequence

from backdrop.model.capabilities import PROVIDERS
from backdrop.model.codes import Code
from backdrop.model.spelling import nearest
from backdrop.operate.redrive import Wanted
from backdrop_cli.errors import MisusedError, RefusedError
from backdrop_cli.stack import Stack


def lane_of(stack: Stack, word: str) -> str:
    """A provider that is on; MisusedError where none has this name, RefusedError where the stack has it off."""
    on = f"on in {stack.name}: {', '.join(stack.providers) or 'none'}"
    name = _known(word, PROVIDERS, "provider", on)
    if name not in stack.providers:
        raise RefusedError(f"{name} is switched off (its MaxInFlight is 0), so it has no lane; {on}")
    return name


def wanted(codes: Iterable[str], provider: str, prefix: str) -> Wanted:
    """Which failures are meant; MisusedError for a code or provider that does not exist."""
    known = list(Code)
    meant = frozenset(Code(_known(word, known, "code", "docs/troubleshooting.md lists all")) for word in codes)
    providers = f"there are {', '.join(PROVIDERS)}"
    return Wanted(meant, _known(provider, PROVIDERS, "provider", providers) if provider else "", prefix)


def chosen(meant: Wanted) -> str:
    """The choice in the command's own words; empty where it is everything."""
    words = [f"--code {code.value}" for code in sorted(meant.codes)]
    words += [f"--provider {meant.provider}"] if meant.provider else []
    words += [f"--prefix {meant.prefix}"] if meant.prefix else []
    return " ".join(words)


def _known(word: str, names: Sequence[str], kind: str, where: str) -> str:
    name = word.strip().lower().replace("-", "_")
    if name in names:
        return name
    near = nearest(name, names)
    guess = f"did you mean {near}? ({where})" if near else where
    raise MisusedError(f"there is no {kind} {word!r}; {guess}")
