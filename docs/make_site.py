"""Builds the documentation site: `make site`.

All Markdown of the repository is copied to .local/pages under its own path, so links between pages stay as they are.
A link to another file becomes the address of that file in the repository.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / "docs/zensical.toml"
OUT = ROOT / ".local/pages"
SITE = ROOT / ".local/site"
# What the theme would otherwise load from a CDN, under the names in docs/zensical.toml.
SCRIPTS = {"mermaid.js": "@mermaid-js/tiny/dist/mermaid.tiny.js", "iframe-worker.js": "iframe-worker/shim/index.js"}
PICTURES = (".jpg", ".png", ".svg")
_FENCE_OR_LINK = re.compile(r"(?ms)^ *```.*?^ *```$|(?<=\]\()[^)\s]+(?=\))")
_PATTERN_IN_NAV = re.compile(r'"([^"\n]+/\*\.md)"')


def list_pages() -> list[Path]:
    """Returns all Markdown of the repository, by its path from the root."""
    return sorted(Path(name) for name in _run_git("ls-files", "-co", "--exclude-standard", "*.md").splitlines())


def build_config(paths: Sequence[Path]) -> str:
    """Returns the configuration. Replaces each pattern in its navigation by the matching pages not named elsewhere."""
    text = CONFIG.read_text()

    def expand_pattern(match: re.Match[str]) -> str:
        matches = [str(path) for path in paths if path.match(match[1]) and f'"{path}"' not in text]
        return ", ".join(f'"{name}"' for name in matches)

    address = os.environ.get("SITE_URL", "")
    project_header = f"[project]\nsite_url = {json.dumps(address)}" if address else "[project]"
    return _PATTERN_IN_NAV.sub(expand_pattern, text).replace("[project]", project_header, 1)


def list_navigation(paths: Sequence[Path]) -> list[Path]:
    """Returns the pages of the navigation, in its order."""
    return [Path(name) for name in re.findall(r'"([^"\s]+\.md)"', build_config(paths))]


def prepare_page(page: Path, repository: str) -> str:
    """Returns a page for the site: links to files that are neither pages nor pictures lead to the repository."""

    def adjust_link(match: re.Match[str]) -> str:
        path, mark, anchor = match[0].partition("#")
        if match[0].lstrip().startswith("```") or "://" in path or not path:
            return match[0]
        target = Path(os.path.normpath(page.parent / path))
        if (ROOT / target / "README.md").is_file():
            return f"{path.rstrip('/')}/README.md{mark}{anchor}"
        if target.suffix in (".md", *PICTURES):
            return match[0]
        return f"{repository}/{target}{mark}{anchor}"

    return _FENCE_OR_LINK.sub(adjust_link, (ROOT / page).read_text())


def repository_url() -> str:
    """Returns the address of the repository's files: at GitHub, or without a known repository, on this machine."""
    server, name = os.environ.get("GITHUB_SERVER_URL"), os.environ.get("GITHUB_REPOSITORY")
    if server and name:
        return f"{server}/{name}/blob/{os.environ['GITHUB_SHA']}"
    origin = re.fullmatch(
        r"(?:https://|git@)github\.com[:/](.+?)(?:\.git)?", _run_git("config", "--get", "remote.origin.url")
    )
    return f"https://github.com/{origin[1]}/blob/{_run_git('rev-parse', 'HEAD')}" if origin else ROOT.as_uri()


def _run_git(*arguments: str) -> str:
    command = [shutil.which("git") or "git", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603  fixed words


def find_external_resources(html: str) -> list[str]:
    """Returns the addresses on other servers from which a page of the site would load scripts, styles, or pictures."""
    return re.findall(r"""<(?:script|img|source|iframe)[^>]+src=["']?((?:https?:)?//[^"'\s>]+)""", html) + re.findall(
        r"""<link(?![^>]+rel=["']?canonical)[^>]+href=["']?((?:https?:)?//[^"'\s>]+)""", html
    )


def write_pages() -> None:
    """Writes the pages, the pictures that they show, and the configuration next to them."""
    paths, repository = list_pages(), repository_url()
    shutil.rmtree(OUT, ignore_errors=True)
    for page in paths:
        text = prepare_page(page, repository)
        (OUT / page).parent.mkdir(parents=True, exist_ok=True)
        (OUT / page).write_text(text)
        for link in _FENCE_OR_LINK.findall(text):
            picture = Path(os.path.normpath(page.parent / link))
            if picture.suffix in PICTURES and (ROOT / picture).is_file():
                (OUT / picture).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / picture, OUT / picture)
    (OUT / "javascripts").mkdir()
    for name, script in SCRIPTS.items():
        shutil.copyfile(ROOT / ".local/node/node_modules" / script, OUT / "javascripts" / name)
    (OUT.parent / CONFIG.name).write_text(build_config(paths))


def main() -> int:
    """Builds the site; exit code 1 for a dead link, or for a page that loads something from another server."""
    write_pages()
    command = [str(ROOT / ".local/docs/bin/zensical"), "build", "--strict", "--clean", "--config-file"]
    build = subprocess.run([*command, str(OUT.parent / CONFIG.name)], check=False, stdout=subprocess.DEVNULL)  # noqa: S603
    if build.returncode:
        return 1
    external_resources = {one for page in SITE.rglob("*.html") for one in find_external_resources(page.read_text())}
    sys.stderr.write("".join(f"the site loads {one} from another server\n" for one in sorted(external_resources)))
    return 1 if external_resources else 0


if __name__ == "__main__":
    sys.exit(main())
