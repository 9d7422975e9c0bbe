"""`tunegate verdict`."""

from __future__ import annotations

from tunegate.cli.session import Session
from tunegate.cli.verb import policy_option, policy_path, run_option, verb
from tunegate.pipeline import judge
from tunegate.pipeline.resolve import settings_of
from tunegate.runs import Run


@verb(example="tunegate verdict --run runs/first")
@run_option()
@policy_option()
def command(session: Session, *, folder: str, policy: str | None) -> int:
    """Decide: go, conditional, no-go, inconclusive or void.

    Exit status 0 when the gate is open, 1 when it is closed, 3 when the audit is void.
    """
    run = Run.open(folder)
    with run.lock():
        judge.verdict(run, settings_of(run, policy=policy_path(policy)), session.progress)
    return session.decided(run.verdict.read(), folder=folder)
