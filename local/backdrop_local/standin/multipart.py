"""Reads a multipart form part by part, with the details that frameworks hide: order, repeats, and headers."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks


class NotMultipartError(Exception):
    """The request is not a multipart form, or names no boundary."""


class MalformedFormError(Exception):
    """The form cannot be parsed, ends early, or has a part without a name."""


class FormTooLargeError(Exception):
    """The body exceeds the server's limit. It was read to the end nevertheless."""


@dataclass(frozen=True)
class FormPart:
    """One part as received. `filename` and `content_type` are None if the part has none."""

    name: str
    filename: str | None
    content_type: str | None
    data: bytes

    @property
    def text(self) -> str:
        """The content as UTF-8. Raises UnicodeDecodeError."""
        return self.data.decode()


async def read_parts(request: Request, *, max_bytes: int) -> list[FormPart]:
    """Returns every part of the form, in order.

    Raises NotMultipartError, MalformedFormError, FormTooLargeError, and Starlette's ClientDisconnect.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise NotMultipartError
    collector = _PartCollector()
    parser = MultipartParser(options[b"boundary"], collector.callbacks())
    size, broken = 0, False
    async for chunk in request.stream():
        size += len(chunk)
        if size <= max_bytes and not broken and chunk:
            broken = not _feed(parser, chunk)
    if size > max_bytes:
        raise FormTooLargeError
    if broken or not collector.complete:
        raise MalformedFormError
    return collector.parts


def _feed(parser: MultipartParser, chunk: bytes) -> bool:
    try:
        parser.write(chunk)
    except (FormParserError, MalformedFormError):
        return False
    return True


@dataclass
class _PartCollector:
    """Collects parts from the low-level parser's callbacks."""

    parts: list[FormPart] = field(default_factory=list[FormPart])
    complete: bool = False
    _headers: dict[str, str] = field(default_factory=dict[str, str])
    _name: bytearray = field(default_factory=bytearray)
    _value: bytearray = field(default_factory=bytearray)
    _data: bytearray = field(default_factory=bytearray)

    def callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self._begin_part,
            "on_part_data": lambda data, start, end: self._data.extend(data[start:end]),
            "on_part_end": self._end_part,
            "on_header_field": lambda data, start, end: self._name.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._end_header,
            "on_end": self._end,
        }

    def _begin_part(self) -> None:
        self._headers = {}
        self._data = bytearray()

    def _end_header(self) -> None:
        name, value = self._name.decode("latin-1").lower(), self._value.decode("latin-1")
        self._headers[name] = value
        self._name, self._value = bytearray(), bytearray()

    def _end_part(self) -> None:
        _, options = parse_options_header(self._headers.get("content-disposition"))
        name, filename = options.get(b"name"), options.get(b"filename")
        if name is None:
            raise MalformedFormError
        self.parts.append(
            FormPart(
                name.decode("utf-8", "replace"),
                None if filename is None else filename.decode("utf-8", "replace"),
                self._headers.get("content-type"),
                bytes(self._data),
            )
        )

    def _end(self) -> None:
        self.complete = True
