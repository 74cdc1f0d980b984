"""The before/after page: receipts and error reports in, a folder that opens from disk out."""

from backdrop_cli.page.folder import Files, write
from backdrop_cli.page.shots import Album, Shot, Trouble

__all__ = ["Album", "Files", "Shot", "Trouble", "write"]
