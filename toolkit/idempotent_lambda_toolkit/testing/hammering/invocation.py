"""One invocation of the code under test, as a scenario sees it."""

import threading
from collections import Counter
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import NamedTuple

from idempotent_lambda.clock import Deadline
from idempotent_lambda.protocol.steps import Outcome
from idempotent_lambda_toolkit.testing.hammering.steps import DeliveryStep, FaultPoint

NAMESPACE = "hammer"


class Killed(BaseException):
    """The process of the code under test is dead: from now on, it does nothing."""


class InjectedExit(SystemExit):
    """A side effect that ends the process, unless the code catches the exception."""


class Identity(NamedTuple):
    """The identity of a side effect: two with the same identity are the same.

    Attributes:
        key: the record id; None if no key was claimed.
    """

    name: str
    key: str | None


class DoneEffect(NamedTuple):
    """A side effect that was done.

    Attributes:
        late: whether it came after its run had returned.
        run: the run that it belongs to; None if no claim was held.
    """

    invocation: "Invocation"
    identity: Identity
    token: str | None
    late: bool
    run: "ClaimedRun | None"


@dataclass(eq=False)
class ClaimedRun:
    """A run that holds a claim, from its start to its return.

    Attributes:
        owner: the owner token of a decorated call; None for a run of a processor.
        outer: the run that began it; None if it is the outermost.
    """

    key: str
    owner: str | None = None
    outer: "ClaimedRun | None" = None
    returned: threading.Event = field(default_factory=threading.Event)


@dataclass(eq=False)
class Invocation:
    """One invocation of the function.

    Attributes:
        thread: the thread that runs it; other threads belong to the code under test.
        runs: the runs that hold a claim, innermost last.
        last: the run that returned last.
        names: the names of the side effects that began, in order.
        faulted: the name of the side effect at the step's fault point.
        failing: the side effects that fail from now on.
        unanswered: the side effects whose requests are lost from now on.
        failed: the side effects that failed, or whose requests were lost.
        lost: the side effects that were done, and whose answer was lost.
        asked: how often each record was requested, by its id.
        outcomes: the outcome of each message or call.
        error: the exception that ended it without a response.
        acknowledged: the positions of acknowledged records; 0 for an event without records.
    """

    step: DeliveryStep
    deadline: Deadline
    thread: int = 0
    alive: bool = True
    runs: list[ClaimedRun] = field(default_factory=list)
    last: ClaimedRun | None = None
    names: list[str] = field(default_factory=list)
    faulted: str | None = None
    failing: set[Identity] = field(default_factory=set)
    unanswered: set[Identity] = field(default_factory=set)
    failed: set[Identity] = field(default_factory=set)
    lost: set[Identity] = field(default_factory=set)
    asked: Counter[str] = field(default_factory=Counter)
    outcomes: list[Outcome] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    error: BaseException | None = None
    acknowledged: set[int] = field(default_factory=set)

    def reject(
        self, identity: Identity, failure: Exception, lost_answer: Exception, *, hit: bool
    ) -> None:
        """Raise instead of a side effect that fails, or whose request is lost.

        Args:
            identity: the side effect.
            failure: the exception if it fails.
            lost_answer: the exception if its request is lost.
            hit: whether the step's fault point is here.
        """
        fault_point = self.step.fault_point
        if self.step.every or (hit and fault_point is FaultPoint.FAILS):
            self.failing.add(identity)
        if hit and fault_point is FaultPoint.LOSES_ANSWER and not self.step.after:
            self.unanswered.add(identity)
        for rejected, error in ((self.failing, failure), (self.unanswered, lost_answer)):
            if identity in rejected:
                self.faulted = self.faulted or identity.name
                self.failed.add(identity)
                raise error.with_traceback(None)

    def lose_answer(self, identity: Identity, lost_answer: Exception) -> None:
        """Raise after a side effect, if the step's fault is that its answer is lost."""
        if self.step.fault_point is FaultPoint.LOSES_ANSWER:
            self.lost.add(identity)
            raise lost_answer.with_traceback(None)

    def end_run(self, key: str) -> None:
        """Note that the run of a key has returned."""
        for run in reversed(self.runs):
            if run.key == key:
                self.runs.remove(run)
                self.last = run
                run.returned.set()
                return


@dataclass(frozen=True)
class Context:
    """The context that Lambda passes with the event.

    https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
    """

    deadline: Deadline
    aws_request_id: str
    function_name: str = NAMESPACE
    function_version: str = "$LATEST"
    invoked_function_arn: str = f"arn:aws:lambda:eu-central-1:123456789012:function:{NAMESPACE}"
    memory_limit_in_mb: str = "256"

    def get_remaining_time_in_millis(self) -> int:
        """Return the remaining time of the invocation."""
        return self.deadline.remaining()


current_run: ContextVar[ClaimedRun | None] = ContextVar("hammered run", default=None)
"""The run that the calling task or thread works for."""

current_invocation: ContextVar[Invocation] = ContextVar("hammered invocation")
