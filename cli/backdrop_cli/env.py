"""The verb `env`: prints how to reach the local cloud, as lines a shell can run."""

import typer


def env() -> None:
    """Print nothing but export lines that point any AWS tool at the local cloud."""
    from backdrop_local import cloud
    from backdrop_local.home import Home

    for line in cloud.exports(cloud.running(Home.chosen())):
        typer.echo(line)
