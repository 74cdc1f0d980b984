"""Command line of the stand-in: `python -m backdrop_local.standin --port 0 --seed 1`."""

import argparse
import sys
from pathlib import Path

from backdrop_local.standin.server import StandinServer
from backdrop_local.standin.settings import KeySetting, StandinSettings
from backdrop_local.standin.state import Standin


def main(arguments: list[str] | None = None) -> None:
    """Serves until SIGTERM or SIGINT."""
    options = _build_parser().parse_args(arguments)
    server = StandinServer(Standin(options.seed, _build_settings(options)), options.port)
    if options.port_file is not None:
        options.port_file.write_text(f"{server.port}\n")
    sys.stdout.write(f"stand-in listening on {server.url}\n")
    sys.stdout.flush()
    server.serve_until_stopped()


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m backdrop_local.standin",
        description="A stand-in for the providers' APIs. It generates no real pictures and charges nothing.",
    )
    parser.add_argument("--port", type=int, default=0, help="port; 0 (default) chooses a free one")
    parser.add_argument("--port-file", type=Path, help="file to write the port to")
    parser.add_argument("--seed", type=int, default=1, help="determines IDs, image seeds, and random faults")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds at DEFAULT speed")
    parser.add_argument("--limit", type=int, default=10, help="calls in flight per account")
    parser.add_argument("--prepared", action="store_true", help="return small placeholder pictures immediately")
    parser.add_argument("--real-urls", action="store_true", help="use the providers' real host names in links")
    parser.add_argument(
        "--key",
        action="append",
        default=[],
        metavar="KEY=ACCOUNT[:admin]",
        help="declare a key, so that no undeclared key is valid (may be repeated)",
    )
    return parser


def _build_settings(options: argparse.Namespace) -> StandinSettings:
    return StandinSettings(
        latency_seconds=options.latency,
        in_flight_limit=options.limit,
        pictures="prepared" if options.prepared else "composed",
        url_mode="real" if options.real_urls else "loopback",
        keys=dict(_parse_key(text) for text in options.key),
    )


def _parse_key(text: str) -> tuple[str, KeySetting]:
    key, _, owner = text.partition("=")
    account, _, role = owner.partition(":")
    if not (key and account and role in ("", "admin")):
        raise SystemExit(f"--key {text} is not KEY=ACCOUNT or KEY=ACCOUNT:admin")
    return key, KeySetting(account=account, admin=role == "admin")


if __name__ == "__main__":
    main()
