"""What a consumer works with: one set for all invocations of a function."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from idempotent_lambda.clock import Clock
from idempotent_lambda.observer import Observer
from idempotent_lambda.pipeline.asking import make_owner
from idempotent_lambda.pipeline.processor import Processor
from idempotent_lambda.protocol.claims import ClaimStore
from idempotent_lambda.protocol.record import Owner
from idempotent_lambda.queues import Queues
from idempotent_lambda.settings import Settings
from idempotent_lambda.threads import Threads


@dataclass(frozen=True, kw_only=True)
class Resources:
    """The parts of a consumer.

    Attributes:
        processor: the user's code; run by one owner at a time for each key.
        queues: where messages in progress are postponed and parked ones are sent.
        transactional: whether the processor takes a transaction.
        new_owner: makes a fresh owner token.
        saw_slow_processor: set once a processor has taken its time.
        threads: run processors while the main thread does, and confirm what has returned.
    """

    processor: Processor
    settings: Settings
    store: ClaimStore
    queues: Queues
    clock: Clock
    observer: Observer
    transactional: bool = False
    new_owner: Callable[[], Owner] = make_owner
    saw_slow_processor: threading.Event = field(default_factory=threading.Event)
    threads: Threads = field(default_factory=Threads)
