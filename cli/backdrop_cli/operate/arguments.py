"""Parses providers, codes, and prefixes from the command line; suggests the nearest name for an unknown one."""

from collections.abc import Iterable, Sequence

from backdrop.instructions.suggest import find_nearest
from backdrop.model.capabilities import PROVIDERS
from backdrop.model.codes import Code
from backdrop.operate.redrive import FailureFilter
from backdrop_cli.errors import CommandError, UsageError
from backdrop_cli.stack import Stack


def parse_enabled_provider(stack: Stack, name_argument: str) -> str:
    """Returns an enabled provider. Raises UsageError for an unknown name, CommandError if the stack has it disabled."""
    enabled_text = f"enabled in {stack.name}: {', '.join(stack.providers) or 'none'}"
    name = _match_name(name_argument, PROVIDERS, "provider", enabled_text)
    if name not in stack.providers:
        raise CommandError(f"{name} is disabled (its MaxInFlight is 0) and has no lane; {enabled_text}")
    return name


def parse_failure_filter(codes: Iterable[str], provider: str, prefix: str) -> FailureFilter:
    """Returns the filter. Raises UsageError for a code or provider that does not exist."""
    known = list(Code)
    selected_codes = frozenset(
        Code(_match_name(word, known, "code", "docs/troubleshooting.md lists all codes")) for word in codes
    )
    providers = f"the providers are {', '.join(PROVIDERS)}"
    return FailureFilter(
        selected_codes, _match_name(provider, PROVIDERS, "provider", providers) if provider else "", prefix
    )


def format_failure_filter(failure_filter: FailureFilter) -> str:
    """Returns the filter as a phrase, such as "under shoes/ with --code crashed"; "" if it selects everything."""
    options = [f"--code {code.value}" for code in sorted(failure_filter.codes)]
    options += [f"--provider {failure_filter.provider}"] if failure_filter.provider else []
    prefix = f"under {failure_filter.prefix}" if failure_filter.prefix else ""
    return " ".join(filter(None, (prefix, f"with {' '.join(options)}" if options else "")))


def _match_name(word: str, names: Sequence[str], kind: str, reference: str) -> str:
    name = word.strip().lower().replace("-", "_")
    if name in names:
        return name
    suggestion = find_nearest(name, names)
    guess = f"did you mean {suggestion}? ({reference})" if suggestion else reference
    raise UsageError(f"there is no {kind} {word!r}; {guess}")
