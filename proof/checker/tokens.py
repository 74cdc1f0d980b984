"""The promise about task tokens: each is answered once, after all jobs of its request have ended, and truthfully."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from proof.checker.books import Breach, Plain, Promise
from proof.checker.ends import ENDS


@dataclass(frozen=True)
class Said:
    """What a task was answered: success, or the code of its failure; `jobs`: those that the answer tells of."""

    code: str
    jobs: frozenset[str]


def answer_breaches(said: Said, asked: Plain, could_be: Mapping[str, Collection[str]]) -> list[Breach]:
    """An answer as Step Functions takes it. `could_be`: how jobs stood since it and who answers began."""
    key: str = asked["key"]
    own: set[str] = set(asked["jobs"].values())
    open_jobs = [job for job in own if not ENDS & {*could_be[job]}]
    found = [Breach(Promise.TOKENS, f"{key}: answered while {len(open_jobs)} of its jobs are under way")] * bool(
        open_jobs
    )
    good = not asked["problems"] and all("stored" in could_be[job] for job in own)
    bad = bool(asked["problems"]) or any({*could_be[job]} & (ENDS - {"stored"}) for job in own)
    if not (bad if said.code else good):
        found.append(Breach(Promise.TOKENS, f"{key}: told {said.code or 'success'}, and it is not so"))
    if not said.code and {*said.jobs} != own:
        found.append(Breach(Promise.TOKENS, f"{key}: told of {len(said.jobs)} jobs, and it has {len(own)}"))
    codes = {str(problem["code"]) for problem in asked["problems"]}
    if said.code and codes and said.code not in codes:
        found.append(
            Breach(Promise.TOKENS, f"{key}: told {said.code}, and it was refused for {', '.join(sorted(codes))}")
        )
    return found


def note_breaches(before: Plain | None, after: Plain) -> list[Breach]:
    """Who waits is written; what he was answered stands, and takes the place of an answer that was not taken."""
    set_right = before and before["outcome"] == "undeliverable" and after["outcome"] != "undeliverable"
    if before and before["answered_at"] and not set_right:
        return [Breach(Promise.TOKENS, f"{after['key']}: answered again, {before['outcome']} and {after['outcome']}")]
    return []


def silent_breaches(
    tokens: Mapping[str, bool], asked: Sequence[Plain], jobs: Mapping[str, Plain], excused: Collection[str]
) -> list[Breach]:
    """Whoever waits has heard. `tokens`: whether each that was handed out was answered. Holds at rest."""
    by_token: dict[str, list[Plain]] = {}
    for one in asked:
        by_token.setdefault(one["task_token"], []).append(one)
    found: list[Breach] = []
    for token, answered in tokens.items():
        known = by_token.get(token, [])
        waiting = any(job in excused for one in known for job in one["jobs"].values())
        if not answered and not (known and waiting):
            found.append(Breach(Promise.TOKENS, f"{token} was never answered, and the ledger knows {len(known)} of it"))
    return found + _unmarked(asked, jobs)


def _unmarked(asked: Iterable[Plain], jobs: Mapping[str, Plain]) -> list[Breach]:
    """A request whose jobs have ended stands there as answered."""
    late = [
        one["key"]
        for one in asked
        if not one["answered_at"] and all(jobs[job]["status"] in ENDS for job in one["jobs"].values())
    ]
    return [Breach(Promise.TOKENS, f"{key}: a request that came to its end is not marked as answered") for key in late]


def stopped_breaches(job: Plain, *, stopped: bool) -> list[Breach]:
    """A paid call goes out. `stopped`: whether all executions that wanted the job had stopped when its worker began."""
    if job["is_execution_scoped"] and stopped:
        return [Breach(Promise.TOKENS, f"{job['key']}: bought, and only executions that were stopped had wanted it")]
    return []


def called_off_breaches(job: Plain, *, running: bool) -> list[Breach]:
    """Render or reconcile ends a job unpaid. `running`: whether an execution that wants it runs still."""
    if not job["is_execution_scoped"] or running:
        return [Breach(Promise.TOKENS, f"{job['key']}: called off, and somebody wants it still")]
    return []
