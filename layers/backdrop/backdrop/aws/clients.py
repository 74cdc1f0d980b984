"""How all doors speak to AWS."""

from botocore.config import Config

from backdrop.ports import AT_ONCE

# A function that hangs on AWS holds a slot or loses an answer: give up soon, try again, keep connections alive.
QUICK = Config(
    connect_timeout=2,
    read_timeout=10,
    retries={"mode": "standard", "total_max_attempts": 4},
    tcp_keepalive=True,
    max_pool_connections=AT_ONCE,
)
