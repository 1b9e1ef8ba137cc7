"""The resources of a consumer: one set for all invocations of a function."""

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
        processor: user's code; run by one owner at a time for each key.
        queues: queues that postpone messages in progress and receive copies of parked messages.
        transactional: whether the processor takes a transaction.
        new_owner: factory for owner tokens.
        saw_slow_processor: set once a processor was slow.
        threads: threads that run processors in parallel with the main thread, and the flusher.
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
