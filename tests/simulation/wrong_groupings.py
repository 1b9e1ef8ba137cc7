"""Groupings that are wrong on purpose: each breaks one rule by which a batch becomes works."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from idempotent_lambda.agenda import Work
from idempotent_lambda.grouping import group_by_key

from .world import Protocol

Change = Callable[[list[Work]], list[Work]]


def _changed(change: Change) -> Protocol:
    """Production, with a change of the works of every batch."""

    def group(*about: Any) -> Any:
        works, ended = group_by_key(*about)
        return change(works), ended

    return Protocol(group=group)


def _coalesce_all(works: list[Work]) -> list[Work]:
    """One work for each key, whatever lies between its messages."""
    first: dict[str, Work] = {}
    places: dict[int, int] = {}
    for work in works:
        kept = first.get(work.key.text)
        if kept is None:
            after = tuple(sorted({places[place] for place in work.after}))
            kept = replace(work, place=len(first), after=after)
        else:
            kept = replace(kept, deliveries=kept.deliveries + work.deliveries)
        first[work.key.text] = kept
        places[work.place] = kept.place
    return list(first.values())


def _follow_only_keys(works: list[Work]) -> list[Work]:
    """A repeated key follows its first, and not what is before it in its group."""
    firsts = {work.key: work.place for work in reversed(works)}
    return [replace(work, after=(firsts[work.key],)) if work.repeats else work for work in works]


def _follow_nothing(works: list[Work]) -> list[Work]:
    return [replace(work, after=()) for work in works]


def _have_one_rank(works: list[Work]) -> list[Work]:
    return [replace(work, rank=1 if work.rank else 0) for work in works]


def _keep_one_order(works: list[Work]) -> list[Work]:
    """The first work of a key that repeats has its turn by its own group alone."""
    return [replace(work, rank=min(work.rank, 1 + len(work.after))) for work in works]


def _share_what_is_stated(works: list[Work]) -> list[Work]:
    """What states a key and what has it, one behind the other, are one work."""
    kept: list[Work] = []
    for work in works:
        before = kept[-1] if kept else None
        if before is not None and before.key == work.key and before.own_key != work.own_key:
            kept[-1] = replace(before, deliveries=before.deliveries + work.deliveries)
        else:
            kept.append(replace(work, place=len(kept), after=(), repeats=False))
    return kept


def _follow_what_is_stated(works: list[Work]) -> list[Work]:
    """What repeats a key follows its first work, though that only states it."""
    firsts = {work.key: work.place for work in reversed(works)}
    return [
        replace(work, after=(*work.after, firsts[work.key])) if work.repeats else work
        for work in works
    ]


def _order_by_what_is_stated(works: list[Work]) -> list[Work]:
    """The first work of a key waits for its second one's group only if nothing states its key."""
    stated = {work.key for work in works if work.own_key}
    firsts = {work.key: work.place for work in reversed(works) if not work.own_key}
    return [
        replace(work, rank=min(work.rank, 1 + len(work.after)))
        if work.key in stated and firsts.get(work.key) == work.place
        else work
        for work in works
    ]


def groupings() -> Iterator[tuple[str, Protocol]]:
    """Each rule of the grouping, broken."""
    yield "equal keys share an end whatever lies between", _changed(_coalesce_all)
    yield "a repeated key follows only its first", _changed(_follow_only_keys)
    yield "a message does not follow its group", _changed(_follow_nothing)
    yield "all messages of a group have one rank", _changed(_have_one_rank)
    yield "a key that repeats keeps the order of one group", _changed(_keep_one_order)
    yield "what states a key shares the end of what has it", _changed(_share_what_is_stated)
    yield "what has a key follows what only states it", _changed(_follow_what_is_stated)
    yield "what states a key ends the order of two groups", _changed(_order_by_what_is_stated)
