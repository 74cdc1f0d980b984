"""What a person names on the command line: providers, codes, prefixes; an unknown one is answered with the nearest."""

from collections.abc import Iterable, Sequence

from backdrop.instructions.suggest import find_nearest
from backdrop.model.capabilities import PROVIDERS
from backdrop.model.codes import Code
from backdrop.operate.redrive import FailureFilter
from backdrop_cli.errors import CommandError, UsageError
from backdrop_cli.stack import Stack


def parse_enabled_provider(stack: Stack, name_argument: str) -> str:
    """A provider that is on; UsageError where none has this name, CommandError where the stack has it off."""
    enabled_text = f"on in {stack.name}: {', '.join(stack.providers) or 'none'}"
    name = _match_name(name_argument, PROVIDERS, "provider", enabled_text)
    if name not in stack.providers:
        raise CommandError(f"{name} is switched off (its MaxInFlight is 0), so it has no lane; {enabled_text}")
    return name


def parse_failure_filter(codes: Iterable[str], provider: str, prefix: str) -> FailureFilter:
    """Which failures are meant; UsageError for a code or provider that does not exist."""
    known = list(Code)
    selected_codes = frozenset(
        Code(_match_name(word, known, "code", "docs/troubleshooting.md lists all")) for word in codes
    )
    providers = f"there are {', '.join(PROVIDERS)}"
    return FailureFilter(
        selected_codes, _match_name(provider, PROVIDERS, "provider", providers) if provider else "", prefix
    )


def format_failure_filter(failure_filter: FailureFilter) -> str:
    """The choice in the command's own words; empty where it is everything."""
    words = [f"--code {code.value}" for code in sorted(failure_filter.codes)]
    words += [f"--provider {failure_filter.provider}"] if failure_filter.provider else []
    words += [f"--prefix {failure_filter.prefix}"] if failure_filter.prefix else []
    return " ".join(words)


def _match_name(word: str, names: Sequence[str], kind: str, reference: str) -> str:
    name = word.strip().lower().replace("-", "_")
    if name in names:
        return name
    suggestion = find_nearest(name, names)
    guess = f"did you mean {suggestion}? ({reference})" if suggestion else reference
    raise UsageError(f"there is no {kind} {word!r}; {guess}")
