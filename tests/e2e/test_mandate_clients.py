"""Clients of two mandates repeat themselves, change their minds, and are killed and restarted: no cent too much.

`MANDATE_CLIENTS=200 .venv/bin/pytest --log-cli-level=INFO tests/e2e/test_mandate_clients.py` runs 200 clients, which
takes minutes, and prints the figures.
"""

import json
import logging
import multiprocessing
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from decimal import Decimal
from multiprocessing.process import BaseProcess
from random import Random
from typing import Any

from botocore.exceptions import ClientError

from backdrop_local.clients import LocalClients
from tests.e2e.deployed_stack import eventually
from tests.e2e.folder import END_STATUSES, Folder, photo
from tests.e2e.test_mandates import PRICE_USD, build_name, run_mandate

CLIENTS, CLIENTS_AT_ONCE = int(os.environ.get("MANDATE_CLIENTS", "16")), 16
KILLED_SHARE, CHANGING_SHARE, REPEATING_SHARE = 0.5, 0.3, 0.3
# A client takes about this long for its first uploads.
MAX_SECONDS_ALIVE = 0.1
# Each covers only a part of its clients' pictures, and none is a multiple of the price.
LIMITS_USD, PER_DAY_USD = {"anna": "0.13", "ben": "0.17"}, {"ben": "0.11"}
# A server process without threads starts the clients, each with connections of its own.
CLIENT_PROCESSES = multiprocessing.get_context("forkserver")
type Uploads = Sequence[tuple[str, bytes]]


def upload_all(endpoint_url: str, bucket: str, uploads: Uploads) -> None:
    """Runs a client, which always starts from the beginning."""
    s3 = LocalClients(endpoint_url).s3
    for key, data in uploads:
        with suppress(ClientError):
            s3.put_object(Bucket=bucket, Key=key, Body=data)


def list_uploads(folder: Folder, random: Random, owner: str, number: int) -> Iterator[tuple[str, bytes]]:
    """Yields a client's uploads. Some repeat them, and some replace their instructions to get another picture."""
    key = folder.key(f"{owner}/{number}.jpg")
    sidecar = json.dumps(folder.instructions).encode()
    for _ in range(3 if random.random() < REPEATING_SHARE else 1):
        yield f"{key}.json", sidecar
        yield key, photo(key)
    if random.random() < CHANGING_SHARE:
        yield f"{key}.json", json.dumps(folder.instructions | {"seed": number}).encode()


def start_client(folder: Folder, uploads: Uploads) -> BaseProcess:
    stack = folder.stack
    arguments = stack.cloud.endpoint_url, stack.input_bucket, uploads
    process = CLIENT_PROCESSES.Process(target=upload_all, args=arguments)
    process.start()
    return process


def run_clients(folder: Folder, random: Random) -> int:
    """Runs all clients, kills some of them, and starts those again. Returns how many were killed at work."""
    owners, killed_count = [*LIMITS_USD], 0
    clients = [tuple(list_uploads(folder, random, owners[number % len(owners)], number)) for number in range(CLIENTS)]
    for first in range(0, CLIENTS, CLIENTS_AT_ONCE):
        batch = [(start_client(folder, uploads), uploads) for uploads in clients[first : first + CLIENTS_AT_ONCE]]
        restarted: list[BaseProcess] = []
        for process, uploads in batch:
            if random.random() < KILLED_SHARE:
                time.sleep(random.uniform(0, MAX_SECONDS_ALIVE))
                process.kill()
                process.join()
                killed_count += process.exitcode != 0
                restarted.append(start_client(folder, uploads))
        for process in (*(process for process, _ in batch), *restarted):
            process.join()
    return killed_count


def read_jobs(folder: Folder) -> list[dict[str, Any]]:
    return [json.loads(item["body"]["S"]) for item in folder.ledger() if item["sk"]["S"].startswith("job#")]


def has_settled(folder: Folder) -> bool:
    """Whether each client's photo has a job, and every job has ended."""
    jobs = read_jobs(folder)
    return len({job["key"] for job in jobs}) == CLIENTS and all(job["status"] in END_STATUSES for job in jobs)


def test_killed_and_restarted_clients_spend_no_cent_more_than_their_mandates(folder: Folder) -> None:
    names = {owner: f"{build_name(folder)[-30:].strip('-')}-{owner}" for owner in LIMITS_USD}
    for owner, name in names.items():
        per_day = ("--per-day", PER_DAY_USD[owner]) if owner in PER_DAY_USD else ()
        run_mandate(folder, "create", name, "--usd", LIMITS_USD[owner], "--prefix", folder.key(f"{owner}/"), *per_day)
    killed_count = run_clients(folder, Random("clients"))
    assert killed_count > 0
    eventually(lambda: has_settled(folder), "all work of the clients has ended")
    folder.wait_until_queues_empty()
    jobs, charges = read_jobs(folder), folder.charges()
    bill = sum((Decimal(one["usd"]) for one in charges), Decimal(0))
    spent, allowed = Decimal(0), Decimal(0)
    for owner, name in names.items():
        account = run_mandate(folder, "show", name)
        assert account["reserved_usd"] == account["unknown_usd"] == 0
        spent += Decimal(str(account["spent_usd"]))
        limit = min(Decimal(amounts[owner]) for amounts in (LIMITS_USD, PER_DAY_USD) if owner in amounts)
        allowed += limit
        assert limit - Decimal(str(PRICE_USD)) < Decimal(str(account["spent_usd"])) <= limit
        assert {job["mandate"] for job in jobs if job["key"].startswith(folder.key(f"{owner}/"))} == {name}
    assert bill == spent
    charged_counts = [sum(bool(one["charged"]) for one in job["attempts"]) for job in jobs]
    logging.getLogger(__name__).info(
        "%d clients, killed %d times: $%s of $%s spent, %d charges, %d jobs charged twice",
        CLIENTS,
        killed_count,
        spent,
        allowed,
        len(charges),
        sum(count > 1 for count in charged_counts),
    )
    assert max(charged_counts) == 1
    assert len(charges) == sum(charged_counts)
