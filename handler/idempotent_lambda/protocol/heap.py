"""A priority queue as a value: adding to it or taking from it makes a new one and keeps the old.

It is a leftist heap: both operations touch a path of at most ``log n`` nodes.
"""

from typing import Generic, NamedTuple, Optional, TypeVar

EntryT = TypeVar("EntryT", bound=tuple[object, ...])
"""Entries are tuples, and compared as such."""


class Heap(NamedTuple, Generic[EntryT]):
    """A queue that is not empty; None is the empty one.

    Attributes:
        top: its smallest entry.
        height: nodes on the shortest way to an empty place.
    """

    top: EntryT
    height: int = 1
    left: Optional["Heap[EntryT]"] = None
    right: Optional["Heap[EntryT]"] = None


def merge(one: Heap[EntryT] | None, other: Heap[EntryT] | None) -> Heap[EntryT] | None:
    """Return the queue that holds the entries of both."""
    if one is None or other is None:
        return one or other
    if other.top < one.top:
        one, other = other, one
    tall, short = one.left, merge(one.right, other)
    if (tall.height if tall else 0) < (short.height if short else 0):
        tall, short = short, tall
    return Heap(one.top, 1 + (short.height if short else 0), tall, short)


def push(heap: Heap[EntryT] | None, entry: EntryT) -> Heap[EntryT] | None:
    """Return the queue with one entry more."""
    return merge(heap, Heap(entry))


def pop(heap: Heap[EntryT]) -> Heap[EntryT] | None:
    """Return the queue without its smallest entry."""
    return merge(heap.left, heap.right)
