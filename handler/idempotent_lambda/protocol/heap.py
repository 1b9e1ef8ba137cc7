"""A priority queue as a value: each change returns a new queue and keeps the old one.

The queue is a leftist heap: adding and removing touch a path of at most ``log n`` nodes.
"""

from typing import Generic, NamedTuple, Optional, TypeVar

EntryT = TypeVar("EntryT", bound=tuple[object, ...])
"""Entries are tuples and are compared as tuples."""


class Heap(NamedTuple, Generic[EntryT]):
    """A queue that is not empty; None is the empty queue.

    Attributes:
        top: smallest entry.
        height: number of nodes on the shortest path to an empty child.
    """

    top: EntryT
    height: int = 1
    left: Optional["Heap[EntryT]"] = None
    right: Optional["Heap[EntryT]"] = None


def merge(one: Heap[EntryT] | None, other: Heap[EntryT] | None) -> Heap[EntryT] | None:
    """Return a queue with the entries of both."""
    if one is None or other is None:
        return one or other
    if other.top < one.top:
        one, other = other, one
    tall, short = one.left, merge(one.right, other)
    if (tall.height if tall else 0) < (short.height if short else 0):
        tall, short = short, tall
    return Heap(one.top, 1 + (short.height if short else 0), tall, short)


def push(heap: Heap[EntryT] | None, entry: EntryT) -> Heap[EntryT] | None:
    """Return the queue with one more entry."""
    return merge(heap, Heap(entry))


def pop(heap: Heap[EntryT]) -> Heap[EntryT] | None:
    """Return the queue without its smallest entry."""
    return merge(heap.left, heap.right)
