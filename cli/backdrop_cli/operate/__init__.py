"""What people who run a stack do to it; each verb says what it means, and asks before it costs or ends something."""
