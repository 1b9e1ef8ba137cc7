"""What the shell decides before it asks its agenda: the rule of production's `_Batch._checked`."""

from enum import StrEnum

from idempotent_lambda.agenda import Agenda


class Decision(StrEnum):
    """How a thread goes on that has nothing in hand."""

    GO = "asks the agenda"
    FLUSH = "asks the agenda, and says that a completion is overdue"
    WAIT = "waits for the completions in flight"
    STOP = "stops the batch"


def decide(agenda: Agenda, *, overdue: bool) -> Decision:
    """Decide how a thread goes on, while there is time.

    Args:
        agenda: what is to be done.
        overdue: the oldest completion has been unconfirmed for too long.
    """
    if overdue and agenda.completing and not agenda.stopped:
        return Decision.WAIT
    return Decision.FLUSH if overdue else Decision.GO
