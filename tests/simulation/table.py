"""The table: carries out one request at a time, each of them at once or not at all."""

from dataclasses import replace
from typing import assert_never

from idempotent_lambda.errors import StoreRefusedError, StoreUnavailableError
from idempotent_lambda.protocol import claims
from idempotent_lambda.protocol.claims import (
    Claimed,
    ClaimRequest,
    InProgress,
    Parked,
    Request,
    Stale,
)
from idempotent_lambda.protocol.conditions import evaluate
from idempotent_lambda.protocol.judgement import explain_failed_release
from idempotent_lambda.protocol.record import Owner, Record, Status
from idempotent_lambda.protocol.steps import (
    Claim,
    Complete,
    MarkDeadLettered,
    Park,
    Release,
    Reply,
    Unanswered,
)
from idempotent_lambda_toolkit.testing.stores import (
    completed_record,
    marked_record,
    parked_record,
)  # fmt: skip

from . import promises
from .batches import KEYS
from .parking import addressed, new_token, superseded
from .world import (
    GONE,
    KNOWN,
    ME,
    NOW,
    SEEN,
    Call,
    Holding,
    Protocol,
    Stage,
    ViolationError,
    World,
    Zombie,
    find_key,
    recorded,
    stated,
)

# Errors are made once: two that say the same must be equal, or equal situations would not be.
_UNKNOWN = StoreRefusedError("UnknownRecord", "unknown status", maybe_written=False)
_SILENT = {
    maybe: StoreUnavailableError("Timeout", "no answer", maybe_written=maybe)
    for maybe in (False, True)
}


FOUND = {
    Stage.INSERT: "there is no record",
    Stage.CHECK: "there is a record",
    Stage.WRITE: "it may be claimed",
}
"""What a part of a group claim has found, by what comes next."""


def silence(*, maybe_written: bool) -> Unanswered:
    """The reply to a call that is given up."""
    return Unanswered(ME, _SILENT[maybe_written])


class Table:
    """The table under a protocol's conditions and judgements."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol

    def carried_out(
        self, world: World, slot: int, call: Call, held: Holding
    ) -> tuple[World, Reply | Stage]:
        """The world once a worker's request is carried out, and the answer, or the next stage."""
        index = find_key(call.item)
        found = _renamed(world.records[index], f"w{slot}", ME)
        assert call.request is not None
        changed, outcome = self._stored(
            world, index, found, (type(call.step), call.stage, call.request), held
        )
        if changed.records is world.records:
            return world, outcome
        return _renamed_in(changed, index, ME, f"w{slot}"), outcome

    def arrives(self, world: World, zombie: Zombie) -> World:
        """The world once a delayed request is carried out; nobody hears the answer."""
        index = KEYS.index(zombie[2].record_id[-1])
        return self._stored(world, index, world.records[index], zombie, None)[0]

    def _stored(
        self, world: World, index: int, found: Record | None, asked: Zombie, held: Holding | None
    ) -> tuple[World, Reply | Stage]:
        kind, stage, request = asked
        seen, shown, request = request.owner == SEEN, request.token, addressed(found, request)
        if kind is Claim:
            assert isinstance(request, ClaimRequest)
            return self._claimed(world, index, found, (stage, request), shown)
        if kind is Complete:
            return self._completed(world, index, found, request, held)
        if kind in (Park, MarkDeadLettered):
            return self._parked(world, index, found, (kind, stage, request), seen=seen)
        assert kind is Release
        if found is None or not evaluate(self.protocol.to_release, found, request.operands):
            return world, explain_failed_release(found, request)
        promises.check_own("releases", found, request)
        promises.check_given_back(held)
        facts = world.facts[index]._replace(begun=False)
        back = None
        if request.stated and self.protocol.gives_back:
            owner = Owner(str(request.token))
            assert owner.startswith(KNOWN)
            back = replace(marked_record(parked_record(found, request), request), owner=owner)
        given = stated(recorded(world, index, back), index, facts)
        return superseded(given, index, kept=back is not None), claims.Released()

    def _claimed(
        self,
        world: World,
        index: int,
        found: Record | None,
        asked: tuple[Stage, ClaimRequest],
        shown: str | None,
    ) -> tuple[World, Reply | Stage]:
        """The world once a part of a claim is done that has shown this token."""
        stage, request = asked
        match stage:
            case Stage.LOOK | Stage.CHECK:
                # What a copy states is never inserted.
                absent = found is None and stage is Stage.LOOK and not request.stated
                otherwise = Stage.INSERT if absent else Stage.WRITE
                return world, (
                    self._judged(world, self.protocol.judge_existing, found, request) or otherwise
                )
            case Stage.INSERT:
                if evaluate(self.protocol.insert, found, request.operands):
                    promises.check_claimable(found, request)
                    return self._taken(world, index, None, request, shown)
                return world, Stage.CHECK if self.protocol.checks_inserts else claims.Duplicate()
            case Stage.WRITE:
                if evaluate(self.protocol.condition(request), found, request.operands):
                    promises.check_claimable(found, request)
                    return self._taken(world, index, found, request, shown)
                judged = self._judged(world, self.protocol.explain_failed_claim, found, request)
                assert judged is not None
                return world, judged
            case Stage.NONE:
                raise AssertionError(stage)
            case _:
                assert_never(stage)

    def _taken(
        self,
        world: World,
        index: int,
        found: Record | None,
        request: ClaimRequest,
        shown: str | None,
    ) -> tuple[World, Reply]:
        token = None
        if request.stated and shown == SEEN:
            token = new_token(world, index)
            request = replace(request, token=token)
        record = self.protocol.build_claimed_record(found, request)
        world = superseded(world, index, token, kept=record.copy_tokens is not None)
        record = replace(record, expires_at=self.protocol.claim_expiry(request))
        if found is not None and found.status == Status.PARKED:
            world = stated(world, index, world.facts[index]._replace(begun=False))
        return recorded(world, index, record), Claimed(request.owner, record.attempts or 1)

    def _judged(
        self, world: World, judge: object, found: Record | None, request: ClaimRequest
    ) -> Reply | None:
        """What the record says of the claim, less what decides nothing."""
        assert callable(judge)
        try:
            judged = judge(found, request)
        except StoreRefusedError:
            return Unanswered(request.owner, _UNKNOWN)
        promises.check_judged(found, request, judged)
        is_parking = world.terms.claim.park_interrupted
        match judged:
            case InProgress():
                return InProgress(NOW)
            case Claimed():
                return replace(judged, recovered=False)
            case Stale(attempts):
                return Stale(attempts, SEEN if is_parking else GONE)
            case Parked():
                return _read(judged)
            case _:
                return judged

    def _completed(
        self, world: World, index: int, found: Record | None, request: Request, held: Holding | None
    ) -> tuple[World, Reply]:
        if request.actions and self.protocol.commits == "at any rate":
            world = committed(world, index)
        if not evaluate(self.protocol.to_complete, found, request.operands):
            reply = self.protocol.explain_failed_completion(found, request)
            mine = found is not None and found.owner == request.owner
            mine = mine and found.status == Status.COMPLETED
            if mine and not isinstance(reply, claims.Completed):
                raise ViolationError("P4: a worker does not know its own completion")
            return world, replace(reply, recovered=False) if mine else reply
        own = promises.check_own("completes", found, request)
        promises.check_returned(held)
        record = completed_record(own, request)
        record = replace(record, expires_at=self.protocol.completion_expiry(request))
        assert record.expires_at is not None
        if record.expires_at < request.now // 1000 + world.terms.retention:
            raise ViolationError("retention: a completed record is kept for less than it")
        if request.actions and self.protocol.commits == "together":
            world = committed(world, index)
        facts = world.facts[index]
        if world.terms.transactional and not facts.committed:
            raise ViolationError(f"P6: {KEYS[index]} is completed without its effect")
        facts = facts._replace(completed=True, confirmed=record.expires_at * 1000 > NOW)
        return stated(recorded(world, index, record), index, facts), claims.Completed()

    def _parked(
        self, world: World, index: int, found: Record | None, asked: Zombie, *, seen: bool
    ) -> tuple[World, Reply]:
        """The world once a record is set aside, another's if that was `seen`, or its copy noted."""
        kind, _, request = asked
        is_parking = kind is Park
        condition = self.protocol.to_park if is_parking else self.protocol.to_mark
        if found is None or not evaluate(condition, found, request.operands):
            reply = self.protocol.explain_failed_parking(found, request)
            mine = found is not None and found.owner == request.owner
            if (
                is_parking
                and mine
                and found.status == Status.PARKED
                and not isinstance(reply, Parked)
            ):
                raise ViolationError("P4: a worker does not know its own parking")
            return world, _read(reply) if isinstance(reply, Parked) else reply
        if is_parking:
            record = parked_record(promises.check_parked(found, request, seen=seen), request)
        else:
            record = marked_record(promises.check_marked(world, index, found, request), request)
        reply = Parked(request.owner, record.dead_lettered_at is not None)
        return recorded(world, index, record), _read(reply)


def committed(world: World, index: int) -> World:
    """The world once the writes of a transaction have taken effect."""
    facts = world.facts[index]
    if facts.committed:
        raise ViolationError(f"P6: the effect of {KEYS[index]} happens twice")
    return stated(world, index, facts._replace(committed=True))


def _read(parked: Parked) -> Parked:
    known = parked.owner == ME or parked.owner.startswith(KNOWN)
    return parked if known else replace(parked, owner=SEEN)


def _renamed(record: Record | None, before: str, after: str) -> Record | None:
    if record is None or not record.owner.startswith(before):
        return record
    return replace(record, owner=Owner(after + record.owner.removeprefix(before)))


def _renamed_in(world: World, index: int, before: str, after: str) -> World:
    return recorded(world, index, _renamed(world.records[index], before, after))


def make_zombie(slot: int, call: Call) -> Zombie:
    """Return the request of a call as it is under way: the table knows no "me"."""
    assert call.request is not None
    owner = Owner(call.request.owner.replace(ME, f"w{slot}"))
    return type(call.step), call.stage, replace(call.request, owner=owner)


def name_request(call: Call) -> str:
    """Return what a call asks, for a story."""
    if call.stage in (Stage.LOOK, Stage.INSERT, Stage.CHECK):
        return call.stage.value
    return f"{type(call.step).__name__.lower()} of"
