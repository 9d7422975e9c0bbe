"""Whom the probes ask: base and tuned models, in memory or behind an endpoint."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

from tunegate.models.endpoints import Client, addressed, is_endpoint
from tunegate.models.executor import Executor, State
from tunegate.models.forward import check_head
from tunegate.models.queries import Asked
from tunegate.models.remote import RemoteExecutor, fingerprint
from tunegate.pipeline import adopt, tune
from tunegate.pipeline.resolve import base_model
from tunegate.runs import Run
from tunegate.settings import Settings
from tunegate.types import Arm, Checkpoint


class Models(NamedTuple):
    """The models of one run, opened.

    Attributes:
        run: Holds their answers and adapters.
        settings: Template, truncation and how endpoints are asked.
        stack: Closes connections.
        executor: Of a base model in memory; None where the base is behind an endpoint too.
        tokenizer: Of the base in memory.
    """

    run: Run
    settings: Settings
    stack: ExitStack
    executor: Executor | None
    tokenizer: Any

    def base(self) -> Asked:
        """The model before tuning."""
        if self.executor is None:
            return self._remote(self.settings.model)
        return self.executor.at(State("base", None))

    def tuned(self, arm: Arm, checkpoint: Checkpoint) -> Asked:
        """An arm at one of its checkpoints.

        Raises:
            InputError: It is no longer what it was when it was trained.
        """
        if arm.trainer == adopt.ENDPOINT:
            return self._remote(checkpoint.path)
        assert self.executor is not None  # `adopt` takes no adapter without a base in memory
        folder = tune.adapter(self.run, arm, checkpoint)
        return self.executor.at(State(checkpoint.digest, folder))

    def _remote(self, address: str) -> Asked:
        client = self.stack.enter_context(Client(addressed(self.settings.endpoint, address)))
        return RemoteExecutor(
            client,
            cache=self.run.vault("answers"),
            tokenizer=self.tokenizer,
            template=self.settings.recipe.template,
            cutoff_len=self.settings.recipe.cutoff_len,
            mask_history=self.settings.recipe.mask_history,
            key=fingerprint(client),
        )


@contextmanager
def opened(run: Run, settings: Settings) -> Iterator[Models]:
    """The run's models, ready to be asked.

    Raises:
        InputError: A model is missing or damaged.
    """
    with ExitStack() as stack:
        if is_endpoint(settings.model):
            yield Models(run, settings, stack, None, None)
            return
        base = base_model(settings)
        check_head(base)
        executor = Executor(
            base,
            cache=run.vault("answers"),
            template=settings.recipe.template,
            cutoff_len=settings.recipe.cutoff_len,
            mask_history=settings.recipe.mask_history,
        )
        yield Models(run, settings, stack, executor, base.tokenizer)
