"""The environment: its variables, the defaults, and every problem in one error."""

from dataclasses import FrozenInstanceError

import pytest

from idempotent_lambda.errors import InvalidSettingsError
from idempotent_lambda.protocol.steps import Claim
from idempotent_lambda.settings import Settings

COMPLETE = {
    "IDEMPOTENCY_TABLE": "orders-idempotency",
    "IDEMPOTENCY_NAMESPACE": "orders",
    "IDEMPOTENCY_PROCESSOR": "orders.process",
    "IDEMPOTENCY_KEY": "body.order_id",
    "IDEMPOTENCY_RETENTION_SECONDS": "1900800",
    "IDEMPOTENCY_LEASE_MARGIN_MILLIS": "7000",
    "IDEMPOTENCY_MINIMUM_REMAINING_MILLIS": "2000",
    "IDEMPOTENCY_MAX_RECEIVE_COUNT": "5",
    "IDEMPOTENCY_CONCURRENCY": "4",
    "IDEMPOTENCY_LOG": "sampled:100",
    "IDEMPOTENCY_LOG_KEYS": "hashed",
    "IDEMPOTENCY_MANAGED_INSTANCES": "accept_overlapping_runs",
    "IDEMPOTENCY_METRICS": "on",
    "IDEMPOTENCY_ON_INTERRUPTED": "park",
    "IDEMPOTENCY_MODE": "observe",
    "IDEMPOTENCY_DEAD_LETTER_QUEUE_URL": "https://sqs.example/orders-dlq",
    "IDEMPOTENCY_UNWRAP": "events,sns",
}
REQUIRED = {
    name: COMPLETE[name]
    for name in (
        "IDEMPOTENCY_TABLE",
        "IDEMPOTENCY_NAMESPACE",
        "IDEMPOTENCY_PROCESSOR",
        "IDEMPOTENCY_RETENTION_SECONDS",
    )
}


def problems(**changes: str) -> tuple[str, ...]:
    """What is wrong with an otherwise complete environment."""
    with pytest.raises(InvalidSettingsError) as caught:
        Settings.from_environment(COMPLETE | changes)
    assert str(caught.value) == "; ".join(caught.value.problems)
    return caught.value.problems


def test_complete() -> None:
    """Every variable arrives in its setting, in the unit that its name says."""
    settings = Settings.from_environment(COMPLETE)
    assert settings.table == "orders-idempotency"
    assert settings.processor == "orders.process"
    assert (settings.key_rule.namespace, settings.key_rule.expression) == (
        "orders",
        "body.order_id",
    )
    assert settings.retention == 1_900_800
    assert settings.lease_margin == 7000
    assert settings.minimum_remaining == 2000
    assert settings.max_receive_count == 5
    assert settings.concurrency == 4
    assert settings.hash_keys is True
    assert settings.log_one_of == 100
    assert settings.metrics_function_name == "unnamed"
    assert settings.park_interrupted is True
    assert settings.observe_only is True
    assert settings.dead_letter_queue_url == "https://sqs.example/orders-dlq"
    assert settings.unwrap == {"events", "sns"}


def test_defaults() -> None:
    """Without the others keys are default and plain, times are the module's, work is done again."""
    settings = Settings.from_environment(REQUIRED)
    assert (settings.key_rule.expression, settings.key_rule.search) == (None, None)
    assert settings.lease_margin == 5000
    assert settings.minimum_remaining == 1000
    assert settings.max_receive_count == 3
    assert settings.concurrency == 1
    assert settings.hash_keys is False
    assert settings.log_one_of == 1
    assert (settings.metrics_by_name, settings.metrics_level) == (False, "INFO")
    assert settings.metrics_function_name is None
    assert settings.park_interrupted is False
    assert settings.observe_only is False
    assert settings.dead_letter_queue_url is None
    assert settings.unwrap == frozenset()


def test_a_handler_of_the_users_own() -> None:
    """A decorated function needs no processor, and everything else all the same."""
    environment = {name: COMPLETE[name] for name in REQUIRED if name != "IDEMPOTENCY_PROCESSOR"}
    assert Settings.from_environment(environment, require_processor=False).processor == ""
    with pytest.raises(InvalidSettingsError) as caught:
        Settings.from_environment({}, require_processor=False)
    assert names(caught.value.problems) == set(REQUIRED) - {"IDEMPOTENCY_PROCESSOR"}


DLQ = "IDEMPOTENCY_DEAD_LETTER_QUEUE_URL"


def test_parking_needs_a_queue() -> None:
    """Parking needs a dead-letter queue, except in a decorated function, which sends nothing."""
    parking = REQUIRED | {"IDEMPOTENCY_ON_INTERRUPTED": "park"}
    with pytest.raises(InvalidSettingsError, match=f"{DLQ} must be set if"):
        Settings.from_environment(parking)
    assert Settings.from_environment(parking, require_processor=False).park_interrupted


@pytest.mark.parametrize("wait_for_lease", [True, False])
@pytest.mark.parametrize(
    ("changes", "park_interrupted", "observe_only"),
    [
        ({}, False, False),
        ({"IDEMPOTENCY_ON_INTERRUPTED": "retry", "IDEMPOTENCY_MODE": "enforce"}, False, False),
        ({"IDEMPOTENCY_ON_INTERRUPTED": "park", DLQ: "https://dead-letters"}, True, False),
        ({"IDEMPOTENCY_MODE": "observe"}, False, True),
    ],
)
def test_how_claims_are_made(
    wait_for_lease: bool, changes: dict[str, str], park_interrupted: bool, observe_only: bool
) -> None:
    """The modes arrive in every claim, and none takes over before its time."""
    claim = Settings.from_environment(REQUIRED | changes).claim(wait_for_lease=wait_for_lease)
    assert claim == Claim(
        takeover=False,
        park_interrupted=park_interrupted,
        wait_for_lease=wait_for_lease,
        observe_only=observe_only,
    )


def test_reads_the_process_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """By default the environment is the function's own."""
    for name, value in COMPLETE.items():
        monkeypatch.setenv(name, value)
    assert Settings.from_environment().table == "orders-idempotency"


def test_frozen() -> None:
    """Settings do not change while the function lives."""
    settings = Settings.from_environment(COMPLETE)
    with pytest.raises(FrozenInstanceError):
        settings.table = "other"  # type: ignore[misc]


@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.parametrize("how", ["missing", "empty"])
def test_required(name: str, how: str) -> None:
    """A variable that is missing or empty is named, with who sets it."""
    environment = {key: value for key, value in COMPLETE.items() if key != name}
    if how == "empty":
        environment[name] = ""
    with pytest.raises(InvalidSettingsError) as caught:
        Settings.from_environment(environment)
    (problem,) = caught.value.problems
    assert problem == (
        f"{name} is not set: the Terraform module sets it; without the module, set it on the "
        "function"
    )


@pytest.mark.parametrize(
    ("name", "minimum"),
    [
        ("IDEMPOTENCY_RETENTION_SECONDS", 60),
        ("IDEMPOTENCY_LEASE_MARGIN_MILLIS", 1),
        ("IDEMPOTENCY_MINIMUM_REMAINING_MILLIS", 1),
        ("IDEMPOTENCY_MAX_RECEIVE_COUNT", 1),
        ("IDEMPOTENCY_CONCURRENCY", 1),
    ],
)
@pytest.mark.parametrize("value", ["0", "-5", "1.5", "1e3", "ten", " 60", "٦٠", "²", "+60"])
def test_numbers(name: str, minimum: int, value: str) -> None:
    """An invalid number, or one that is too small, is named with its value and the limit."""
    assert problems(**{name: value}) == (
        f"{name} is {value!r}: set a whole number of at least {minimum}",
    )


@pytest.mark.parametrize("metrics", ["on", "by_decorated_name", "off", ""])
def test_whose_metrics(metrics: str) -> None:
    """Metrics are about the function that Lambda names, if there are to be any."""
    about = {"IDEMPOTENCY_METRICS": metrics, "AWS_LAMBDA_FUNCTION_NAME": "charge"}
    expected = "charge" if metrics not in ("off", "") else None
    settings = Settings.from_environment(REQUIRED | about)
    assert settings.metrics_function_name == expected
    assert settings.metrics_by_name is (metrics == "by_decorated_name")


@pytest.mark.parametrize(
    ("value", "one_of"),
    [
        ("", 1),
        ("all", 1),
        ("problems", 0),
        ("sampled:2", 2),
        ("sampled:10", 10),
        ("sampled:999999", 999_999),
        ("sampled:1000000", 1_000_000),
    ],
)
def test_log(value: str, one_of: int) -> None:
    """The log has lines without a problem of all keys, of none, or of one of so many."""
    assert Settings.from_environment(REQUIRED | {"IDEMPOTENCY_LOG": value}).log_one_of == one_of


@pytest.mark.parametrize(
    "value",
    [
        "ALL", "none", "problem", "sampled", "sampled:", "sampled:0", "sampled:1",
        "sampled:1000001", "sampled:-2", "sampled:+2", "sampled:02", "sampled: 2",
        "sampled:2.5", "sampled:1e3", "sampled:10%", "sampled:٢", "problems\n",
        "all,problems", " all",
    ],
)  # fmt: skip
def test_wrong_log(value: str) -> None:
    """Any other value is named, with all that is possible."""
    rule = "set all, problems, or sampled:N with N from 2 to 1000000"
    assert problems(IDEMPOTENCY_LOG=value) == (f"IDEMPOTENCY_LOG is {value!r}: {rule}",)


@pytest.mark.parametrize(
    ("value", "level"),
    [
        (None, "INFO"), ("", "INFO"), ("TRACE", "INFO"), ("DEBUG", "INFO"), ("INFO", "INFO"),
        ("WARN", "WARN"), ("ERROR", "ERROR"), ("FATAL", "FATAL"), ("error", "ERROR"), ("x", "INFO"),
    ],
)  # fmt: skip
def test_level_of_metrics(value: str | None, level: str) -> None:
    """Metrics have the level INFO, or a higher one below which Lambda drops lines."""
    found = {} if value is None else {"AWS_LAMBDA_LOG_LEVEL": value}
    assert Settings.from_environment(REQUIRED | found).metrics_level == level


@pytest.mark.parametrize(("value", "fits"), [("60", True), ("59", False)])
def test_smallest_retention(value: str, fits: bool) -> None:
    """A minute is the shortest retention."""
    if fits:
        settings = Settings.from_environment(COMPLETE | {"IDEMPOTENCY_RETENTION_SECONDS": value})
        assert settings.retention == 60
    else:
        assert len(problems(IDEMPOTENCY_RETENTION_SECONDS=value)) == 1


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("IDEMPOTENCY_LOG_KEYS", "plain, hashed"),
        ("IDEMPOTENCY_MANAGED_INSTANCES", "refuse, accept_overlapping_runs"),
        ("IDEMPOTENCY_METRICS", "off, on, by_decorated_name"),
        ("IDEMPOTENCY_ON_INTERRUPTED", "retry, park"),
        ("IDEMPOTENCY_MODE", "enforce, observe"),
    ],
)
@pytest.mark.parametrize("value", ["PLAIN", "none", "true", "Park", "observe "])
def test_choice(name: str, choices: str, value: str) -> None:
    """An unknown choice is named with the possible ones."""
    assert problems(**{name: value}) == (f"{name} is {value!r}: set one of {choices}",)


MANAGED = {"AWS_LAMBDA_INITIALIZATION_TYPE": "lambda-managed-instances"}
CONSENT = "IDEMPOTENCY_MANAGED_INSTANCES"


@pytest.mark.parametrize("mode", ["enforce", "observe"])
@pytest.mark.parametrize("consent", [{}, {CONSENT: ""}, {CONSENT: "refuse"}])
def test_managed_instances(consent: dict[str, str], mode: str) -> None:
    """Where nothing stops a run at its timeout, a function starts only if overlaps are accepted."""
    environment = REQUIRED | MANAGED | {"IDEMPOTENCY_MODE": mode} | consent
    with pytest.raises(InvalidSettingsError) as caught:
        Settings.from_environment(environment)
    (problem,) = caught.value.problems
    assert "'lambda-managed-instances'" in problem
    assert "two runs of a message may overlap" in problem
    name, _, value = problem.split("or set ")[1].split(" ")[0].partition("=")
    assert (
        Settings.from_environment(environment | {name: value}).table
        == REQUIRED["IDEMPOTENCY_TABLE"]
    )


@pytest.mark.parametrize(
    "kind", ["on-demand", "provisioned-concurrency", "snap-start", "", "something-new"]
)
def test_other_ways_to_initialize(kind: str) -> None:
    """Every other way in which Lambda starts a function stops its runs, and needs no consent."""
    environment = REQUIRED | {"AWS_LAMBDA_INITIALIZATION_TYPE": kind}
    assert Settings.from_environment(environment).table == REQUIRED["IDEMPOTENCY_TABLE"]


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("", set()),
        ("sns", {"sns"}),
        ("events,pipes,s3,sns", {"events", "pipes", "s3", "sns"}),
        ("sns,events", {"events", "sns"}),
        (" sns , s3\n", {"s3", "sns"}),
        ("sns,sns", {"sns"}),
        ("sns,,s3,", {"s3", "sns"}),
        (" , ", set()),
    ],
)
def test_unwrap(value: str, names: set[str]) -> None:
    """The names are separated by commas; spaces, repetitions and empty names do not count."""
    environment = REQUIRED | {"IDEMPOTENCY_UNWRAP": value}
    assert Settings.from_environment(environment).unwrap == names


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        ("SNS", "'SNS'"),
        ("sqs,sns", "'sqs'"),
        ("sns s3", "'sns s3'"),
        ("['sns']", "\"['sns']\""),
        ("kafka,sns,sqs,kafka", "'kafka', 'sqs'"),
    ],
)
def test_unwrap_of_other_services(value: str, wrong: str) -> None:
    """Every wrong name is shown once, with the names that are valid."""
    rule = "set names from events, pipes, s3, sns, separated by commas"
    assert problems(IDEMPOTENCY_UNWRAP=value) == (f"IDEMPOTENCY_UNWRAP has {wrong}: {rule}",)


def test_namespace() -> None:
    """A bad namespace is named with its value and the rule."""
    (problem,) = problems(IDEMPOTENCY_NAMESPACE="a#b")
    assert "IDEMPOTENCY_NAMESPACE" in problem
    assert "'a#b' is not a namespace: it must be 1 to 255 bytes of text without '#'" in problem


def test_key() -> None:
    """A key that is not valid JMESPath is named with its value and the reason."""
    (problem,) = problems(IDEMPOTENCY_KEY="body.order-id")
    assert "IDEMPOTENCY_KEY" in problem
    assert "'body.order-id' is not a JMESPath expression" in problem
    assert "\n" not in problem


def test_only_the_wrong_variable_is_named() -> None:
    """A problem with the key does not accuse the namespace, nor the other way round."""
    assert "IDEMPOTENCY_NAMESPACE" not in problems(IDEMPOTENCY_KEY="[")[0]
    assert "IDEMPOTENCY_KEY" not in problems(IDEMPOTENCY_NAMESPACE="#")[0]


def names(found: tuple[str, ...]) -> set[str]:
    """Every variable that some problems name."""
    return {name for name in COMPLETE if any(name in each for each in found)}


def test_everything_at_once() -> None:
    """All problems come in one error, so that one deployment fixes them."""
    found = problems(
        IDEMPOTENCY_TABLE="",
        IDEMPOTENCY_PROCESSOR="",
        IDEMPOTENCY_KEY="[",
        IDEMPOTENCY_RETENTION_SECONDS="soon",
        IDEMPOTENCY_LEASE_MARGIN_MILLIS="0",
        IDEMPOTENCY_MINIMUM_REMAINING_MILLIS="x",
        IDEMPOTENCY_MAX_RECEIVE_COUNT="0",
        IDEMPOTENCY_CONCURRENCY="0",
        IDEMPOTENCY_LOG="y",
        IDEMPOTENCY_LOG_KEYS="y",
        IDEMPOTENCY_MANAGED_INSTANCES="y",
        IDEMPOTENCY_METRICS="y",
        IDEMPOTENCY_ON_INTERRUPTED="y",
        IDEMPOTENCY_MODE="y",
        IDEMPOTENCY_UNWRAP="y",
    )
    assert len(found) == 15
    assert names(found) >= set(COMPLETE) - {
        "IDEMPOTENCY_NAMESPACE",
        "IDEMPOTENCY_DEAD_LETTER_QUEUE_URL",
    }


@pytest.mark.parametrize("namespace", ["", "a#b"])
def test_a_bad_namespace_hides_no_bad_key(namespace: str) -> None:
    """A problem with the namespace does not keep a problem with the key for the next deployment."""
    found = problems(IDEMPOTENCY_NAMESPACE=namespace, IDEMPOTENCY_KEY="[")
    assert any("JMESPath" in each for each in found)
    assert any("NAMESPACE" in each for each in found)


def test_an_empty_environment() -> None:
    """A function without any of the variables hears of exactly the four that it must have."""
    with pytest.raises(InvalidSettingsError) as caught:
        Settings.from_environment({})
    assert len(caught.value.problems) == 4
    assert names(caught.value.problems) == set(REQUIRED)
