"""Groupings that are wrong on purpose: each breaks one rule by which a batch becomes items."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from idempotent_lambda.pipeline.grouping import group_by_key
from idempotent_lambda.pipeline.work_item import WorkItem

from .world import Protocol

Change = Callable[[list[WorkItem]], list[WorkItem]]


def _changed(change: Change) -> Protocol:
    """Production, with a change of the items of every batch."""

    def group(*about: Any) -> Any:
        items, ended = group_by_key(*about)
        return change(items), ended

    return Protocol(group=group)


def _coalesce_all(items: list[WorkItem]) -> list[WorkItem]:
    """One item for each key, whatever lies between its messages."""
    first: dict[str, WorkItem] = {}
    places: dict[int, int] = {}
    for item in items:
        kept = first.get(item.key.text)
        if kept is None:
            after = tuple(sorted({places[place] for place in item.after}))
            kept = replace(item, place=len(first), after=after)
        else:
            kept = replace(kept, deliveries=kept.deliveries + item.deliveries)
        first[item.key.text] = kept
        places[item.place] = kept.place
    return list(first.values())


def _follow_only_keys(items: list[WorkItem]) -> list[WorkItem]:
    """A repeated key follows its first, and not what is before it in its group."""
    firsts = {item.key: item.place for item in reversed(items)}
    return [replace(item, after=(firsts[item.key],)) if item.repeats else item for item in items]


def _follow_nothing(items: list[WorkItem]) -> list[WorkItem]:
    return [replace(item, after=()) for item in items]


def _have_one_stage(items: list[WorkItem]) -> list[WorkItem]:
    return [replace(item, stage=1 if item.stage else 0) for item in items]


def _keep_one_order(items: list[WorkItem]) -> list[WorkItem]:
    """The first item of a key that repeats has its turn by its own group alone."""
    return [replace(item, stage=min(item.stage, 1 + len(item.after))) for item in items]


def _share_what_is_stated(items: list[WorkItem]) -> list[WorkItem]:
    """A message that states a key and one that has it, one behind the other, are one item."""
    kept: list[WorkItem] = []
    for item in items:
        before = kept[-1] if kept else None
        if before is not None and before.key == item.key and before.own_key != item.own_key:
            kept[-1] = replace(before, deliveries=before.deliveries + item.deliveries)
        else:
            kept.append(replace(item, place=len(kept), after=(), repeats=False))
    return kept


def _follow_what_is_stated(items: list[WorkItem]) -> list[WorkItem]:
    """A message that repeats a key follows the key's first item, though that only states it."""
    firsts = {item.key: item.place for item in reversed(items)}
    return [
        replace(item, after=(*item.after, firsts[item.key])) if item.repeats else item
        for item in items
    ]


def _order_by_what_is_stated(items: list[WorkItem]) -> list[WorkItem]:
    """The first item of a key waits for its second one's group only if nothing states its key."""
    stated = {item.key for item in items if item.own_key}
    firsts = {item.key: item.place for item in reversed(items) if not item.own_key}
    return [
        replace(item, stage=min(item.stage, 1 + len(item.after)))
        if item.key in stated and firsts.get(item.key) == item.place
        else item
        for item in items
    ]


def groupings() -> Iterator[tuple[str, Protocol]]:
    """Each rule of the grouping, broken."""
    yield "equal keys share an end whatever lies between", _changed(_coalesce_all)
    yield "a repeated key follows only its first", _changed(_follow_only_keys)
    yield "a message does not follow its group", _changed(_follow_nothing)
    yield "all messages of a group have one stage", _changed(_have_one_stage)
    yield "a key that repeats keeps the order of one group", _changed(_keep_one_order)
    yield "what states a key shares the end of what has it", _changed(_share_what_is_stated)
    yield "what has a key follows what only states it", _changed(_follow_what_is_stated)
    yield "what states a key ends the order of two groups", _changed(_order_by_what_is_stated)
