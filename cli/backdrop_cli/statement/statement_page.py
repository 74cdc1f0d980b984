"""A statement as one HTML file without scripts, to read on a phone, to email, and to print. All texts are escaped."""

from collections.abc import Iterable, Mapping
from html import escape
from string import Template

from backdrop.model.pricing import format_usd
from backdrop_cli.formatting import escape_unprintable, format_cost, format_count, format_utc
from backdrop_cli.gallery.gallery_html import GALLERY_PACKAGE, join_templates, read_template
from backdrop_cli.operate.spend import SpendTotal
from backdrop_cli.statement.charges import Charge, UnknownState
from backdrop_cli.statement.focus_csv import describe_charge, get_service_name
from backdrop_cli.statement.statement import EMPTY_LABELS, GROUPINGS, Statement

STATEMENT_PACKAGE = "backdrop_cli.statement"
MAX_LISTED_CHARGES = 500
"""Of each kind. A page with a million rows opens on no phone; the CSV has all of them."""
MAX_LISTED_GROUPS = 100
OTHERS_LABEL = "(others)"


def render_statement(statement: Statement) -> str:
    """Renders the page."""
    total = statement.total
    return Template(read_template(STATEMENT_PACKAGE, "page.html")).substitute(
        style=join_templates(GALLERY_PACKAGE, ["page.css"]) + read_template(STATEMENT_PACKAGE, "statement.css"),
        month=escape(f"{statement.month.start:%B %Y}"),
        state=_render_state(statement),
        stack=_escape(statement.stack_name),
        created=escape(format_utc(statement.created_at)),
        charged=escape(format_usd(total.confirmed)),
        unknown=escape(format_usd(statement.possibly_more)),
        highest=escape(format_usd(total.confirmed + statement.possibly_more)),
        calls=f"{total.calls:,}",
        notices="".join(f'<p class="notice">{escape(text)}</p>\n' for text in list_notices(statement)),
        groups="\n".join(_render_group(name, statement.groups[name]) for name in GROUPINGS),
        unknown_charges=_render_charges(statement, unknown=True),
        charges=_render_charges(statement, unknown=False),
    )


def list_notices(statement: Statement) -> list[str]:
    """Says what may still change about the statement, and how to read its sums; nothing if there is nothing to say."""
    notices: list[str] = []
    if not statement.state_counts.total() and not statement.in_flight.count:
        notices.append("The ledger has no paid call of this month.")
    if not statement.is_month_over:
        notices.append("This statement is provisional: the month is not over.")
    if statement.in_flight.count:
        calls = format_count(statement.in_flight.count, "call of this month has", "calls of this month have")
        whose = "its" if statement.in_flight.count == 1 else "their"
        notices.append(
            f"This statement is provisional: {calls} not ended. The totals do not contain {whose} cost, at most "
            f"{format_usd(statement.in_flight.reserved)}."
        )
    if statement.is_incomplete:
        cost = format_cost(statement.deleted.charged, statement.deleted.unknown)
        notices.append(
            f"This statement is incomplete: the ledger has deleted calls of this month, which cost {cost}. The tables "
            "do not contain them."
        )
    if statement.open_count:
        charges = format_count(statement.open_count, "charge is unknown: its call", "charges are unknown: their calls")
        least, most = format_usd(statement.min_bill), format_usd(statement.max_bill)
        has_one = len(statement.groups["provider"]) == 1
        bill = "The provider's bill is" if has_one else "The bills of all providers together are"
        amount = least if least == most else f"between {least} and {most}"
        notices.append(f"{charges} may have been charged or not. {bill} {amount}.")
    undecided_count = statement.state_counts[UnknownState.UNDECIDED]
    if undecided_count:
        total = format_usd(statement.undecided_sum)
        least, most = map(format_usd, statement.undecided)
        amount = least if least == most else f"at least {least}, and at most {most},"
        one = undecided_count == 1
        charges = f"1 unknown charge of {total}" if one else f"{undecided_count:,} unknown charges, {total} together"
        notices.append(
            f"Of {charges}, the provider's usage records prove that {amount} was charged"
            f"{'' if one else ', but not for which photos'}. The tables count all of it as possibly charged."
        )
    if statement.settled_count:
        charges = format_count(statement.settled_count, "charge was unknown, and is", "charges were unknown, and are")
        notices.append(f"{charges} settled by the provider's usage records.")
    if statement.billed_failure_count:
        calls = format_count(statement.billed_failure_count, "call that failed was", "calls that failed were")
        notices.append(f"According to the provider's usage records, {calls} charged. Ask the provider for a refund.")
    return notices


def describe_state(charge: Charge) -> str:
    """`open`, `2 of these 3 images charged`, `settled: charged`, `settled: not charged`, or the like."""
    match charge.state:
        case UnknownState.UNDECIDED:
            images = format_count(charge.group_count, "image", "images")
            return f"{charge.group_charged_count:,} of these {images} charged"
        case UnknownState.CHARGED:
            return "settled: charged"
        case UnknownState.NOT_CHARGED:
            return "settled: not charged"
        case UnknownState.BILLED_FAILURE:
            return "failed, but charged"
        case _:
            return charge.state


def select_largest(totals: Mapping[str, SpendTotal], limit: int) -> dict[str, SpendTotal]:
    """Returns the groups by amount, the largest first; those beyond the limit are one group."""
    by_amount = sorted(totals.items(), key=lambda item: (-(item[1].confirmed + item[1].unknown), item[0]))
    shown, others = by_amount[:limit], [total for _, total in by_amount[limit:]]
    if not others:
        return dict(shown)
    return {**dict(shown), OTHERS_LABEL: SpendTotal.sum(others)}


def _render_state(statement: Statement) -> str:
    return f'<span class="state {statement.state}">{statement.state.capitalize()}</span>'


def _render_group(name: str, totals: Mapping[str, SpendTotal]) -> str:
    if not set(totals) - {EMPTY_LABELS.get(name)}:
        return ""
    heading = f"by-{name}"
    columns = (name.capitalize(), "Paid calls", "Charged", "Possibly more")
    head = "".join(f'<th scope="col">{column}</th>' for column in columns)
    rows = "\n".join(_render_row(name, key, one) for key, one in select_largest(totals, MAX_LISTED_GROUPS).items())
    return f"""<section aria-labelledby="{heading}">
<h2 id="{heading}">By {name}</h2>
<table>
<thead><tr>{head}</tr></thead>
<tbody>
{rows}
</tbody>
</table>
</section>"""


def _render_row(name: str, key: str, total: SpendTotal) -> str:
    label = get_service_name(key) if name == "provider" else key
    unknown = format_usd(total.unknown) if total.unknown else ""
    return (
        f'<tr><th scope="row" dir="auto">{_escape(label)}</th><td>{total.calls:,}</td>'
        f"<td>{escape(format_usd(total.confirmed))}</td><td>{escape(unknown)}</td></tr>"
    )


def _render_charges(statement: Statement, *, unknown: bool) -> str:
    certain_count = statement.state_counts[""]
    count = statement.state_counts.total() - certain_count if unknown else certain_count
    if not count:
        return "<p>None.</p>"
    charges = statement.store.list_charges(unknown=unknown, limit=MAX_LISTED_CHARGES)
    hidden_count = count - min(count, MAX_LISTED_CHARGES)
    command = f"<code>backdrop statement {statement.month.name} --csv FILE</code>"
    more = f"<p>{hidden_count:,} more are not listed; {command} writes all of them.</p>" if hidden_count else ""
    return f'<ol class="charges">\n{"".join(map(_render_charge, charges))}</ol>\n{more}'


def _render_charge(charge: Charge) -> str:
    amount = f"up to {format_usd(charge.unknown)}" if charge.unknown else format_usd(charge.charged)
    state = f'<span class="open">{escape(describe_state(charge))}</span>' if charge.state else ""
    return (
        f'<li><span class="photo" dir="auto">{_escape(charge.photo or charge.job_id)}</span>'
        f'<span class="amount">{state}{escape(amount)}</span>'
        f'<span class="facts">{_join(_list_facts(charge))}</span></li>\n'
    )


def _list_facts(charge: Charge) -> Iterable[str]:
    yield charge.day
    yield describe_charge(charge).partition(":")[0]
    if charge.variant:
        yield f"variant {charge.variant}"
    if charge.campaign:
        yield f"campaign {charge.campaign}"
    if charge.mandate:
        yield f"mandate {charge.mandate}"


def _join(facts: Iterable[str]) -> str:
    return " · ".join(map(_escape, facts))


def _escape(text: str) -> str:
    return escape(escape_unprintable(text))
