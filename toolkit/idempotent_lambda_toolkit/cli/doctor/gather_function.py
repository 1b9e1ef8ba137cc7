"""Gathers the facts of the function itself. Each is optional: without permission it is unknown."""

import json
import re
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from idempotent_lambda_toolkit.cli.deployment import Deployment
from idempotent_lambda_toolkit.cli.doctor.function_facts import LATEST, FunctionFacts
from idempotent_lambda_toolkit.cli.doctor.inventory import ENTRY_POINT
from idempotent_lambda_toolkit.cli.doctor.read_log import MAX_REASON_CHARACTERS, read_log

MAX_PAGES = 40
"""The most pages of functions (of 50) or mappings (of 100) in the account that are read."""

SHARED_BY_VERSIONS = (
    "IDEMPOTENCY_TABLE", "IDEMPOTENCY_NAMESPACE", "IDEMPOTENCY_KEY", "IDEMPOTENCY_UNWRAP",
)  # fmt: skip
"""The variables that decide which record a message has."""

EMPTY_BATCH = b'{"Records": []}'
"""An event without a message: the entry point starts, and does nothing."""

NOT_SEARCHABLE = "INFREQUENT_ACCESS"
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch_Logs_Log_Classes.html"""

Read = Callable[[str, Callable[[], Any]], Any]
"""Asks for a fact, and notes why it is unknown if it cannot be read."""


def gather_function(
    deployment: Deployment, handler: str, read: Read, unknown: dict[str, str], *, invoke: bool
) -> FunctionFacts:
    """Gather the facts of the function.

    Args:
        deployment: the stack.
        handler: the handler of the function.
        read: asks for a fact.
        unknown: the facts that are not known, with the reason; grows.
        invoke: whether to invoke the function with an empty batch, if it has the entry point.
    """
    function = deployment.function
    log_class = read("log class", lambda: _read_log_class(deployment))
    log = None
    if log_class == NOT_SEARCHABLE:
        unknown["log"] = f"a log group of class {NOT_SEARCHABLE} cannot be searched"
    else:
        log = read("log", lambda: read_log(deployment))
    if log and not log.is_whole:
        unknown["log"] = "it is too long: only the first part of the last 3 hours was read"
    if not handler:
        unknown["handler"] = "the image has its own command: set image_config.command to see it"
    error = None
    if invoke and handler == ENTRY_POINT:
        error = read("invocation", lambda: _invoke(deployment))
    elif invoke:
        unknown["invocation"] = f"the handler {handler!r} is not the entry point {ENTRY_POINT}"
    qualifier = _find_qualifier(function["FunctionName"], str(deployment.options.function))
    return FunctionFacts(
        state=function.get("State"),
        state_reason=function.get("StateReason", ""),
        update_status=function.get("LastUpdateStatus"),
        update_reason=function.get("LastUpdateStatusReason", ""),
        log_level=(function.get("LoggingConfig") or {}).get("ApplicationLogLevel"),
        log_class=log_class,
        failed_starts=log.failed_starts if log else None,
        ended=log.ended if log else {},
        qualifier=qualifier,
        invoked=read("mappings of other versions", lambda: _list_invoked(deployment, unknown))
        or (),
        differing=read("versions", lambda: _compare_versions(deployment, qualifier, unknown)) or (),
        sharers=read("other functions", lambda: _list_sharers(deployment, unknown)) or (),
        sources=read("sources", lambda: _list_sources(deployment)) or (),
        invocation_error=error,
    )


def _find_qualifier(name: str, text: str) -> str:
    """Return the version or alias in an ARN or a name, as AWS or the operator writes it."""
    found = re.search(rf"(?:^|:){re.escape(name)}(?::(.+))?$", text)
    return (found and found[1]) or LATEST


def _is_absent(error: ClientError) -> bool:
    return bool(error.response["Error"]["Code"] == "ResourceNotFoundException")


def _read_log_class(deployment: Deployment) -> str | None:
    """Return the class of the log group; None if there is no such group yet."""
    name = deployment.log_group
    answer = deployment.client("logs").describe_log_groups(logGroupNamePrefix=name)
    for group in answer["logGroups"]:
        if group["logGroupName"] == name:
            found: str = group.get("logGroupClass", "STANDARD")
            return found
    return None


def _invoke(deployment: Deployment) -> str | None:
    """Invoke the function with an empty batch; return its error, or None.

    https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
    """
    answer = deployment.client("lambda").invoke(
        FunctionName=deployment.options.function, Payload=EMPTY_BATCH
    )
    if not answer.get("FunctionError"):
        return None
    payload = answer["Payload"].read().decode(errors="replace")
    try:
        error = json.loads(payload)
        text = f"{error.get('errorType')}: {error.get('errorMessage')}"
    except (ValueError, AttributeError):
        text = payload
    return str(text[:MAX_REASON_CHARACTERS])


def _list_invoked(deployment: Deployment, unknown: dict[str, str]) -> tuple[str, ...]:
    """List the versions and aliases of this function that mappings invoke.

    The list of all mappings is read, because the API does not say whether a function's name also
    selects the mappings of its versions:
    https://docs.aws.amazon.com/lambda/latest/api/API_ListEventSourceMappings.html
    """
    name = deployment.function["FunctionName"]
    mappings = _list_all(
        deployment, "list_event_source_mappings", "mappings of other versions", unknown
    )
    arns = (f"{mapping.get('FunctionArn', '')}:" for mapping in mappings)
    own = (arn[:-1] for arn in arns if f":function:{name}:" in arn)
    return tuple(sorted({_find_qualifier(name, arn) for arn in own}))


def _list_sharers(deployment: Deployment, unknown: dict[str, str]) -> tuple[str, ...]:
    """List the other functions that have this function's table and namespace."""
    own = _find_scope(deployment.environment)
    if not all(own):
        return ()
    sharers, unreadable = [], []
    for function in _list_all(deployment, "list_functions", "other functions", unknown):
        name, environment = str(function["FunctionName"]), function.get("Environment") or {}
        if name == deployment.function["FunctionName"]:
            continue
        if environment.get("Error"):
            unreadable.append(name)
        elif _find_scope(environment.get("Variables") or {}) == own:
            sharers.append(name)
    if unreadable:
        unknown["other functions"] = f"you may not decrypt the variables of {', '.join(unreadable)}"
    return tuple(sharers)


def _find_scope(environment: Mapping[str, str]) -> tuple[str, str]:
    table = environment.get("IDEMPOTENCY_TABLE", "").rsplit("/", 1)[-1]
    return table, environment.get("IDEMPOTENCY_NAMESPACE", "")


def _list_all(
    deployment: Deployment, operation: str, what: str, unknown: dict[str, str]
) -> list[Mapping[str, Any]]:
    """Return everything that an operation of Lambda lists, up to a number of pages."""
    pages = iter(deployment.client("lambda").get_paginator(operation).paginate())
    found = list(islice(pages, MAX_PAGES))
    parts = [
        part for page in found for key in page if isinstance(page[key], list) for part in page[key]
    ]
    if found and found[-1].get("NextMarker"):
        unknown[what] = f"the account has more than {len(parts)}, and only these were looked at"
    return parts


def _compare_versions(
    deployment: Deployment, qualifier: str, unknown: dict[str, str]
) -> tuple[str, ...]:
    """List the variables in which the other version of an alias differs.

    https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html
    """
    if qualifier == LATEST or qualifier.isdecimal():
        return ()
    client, name = deployment.client("lambda"), deployment.function["FunctionName"]
    alias = client.get_alias(FunctionName=name, Name=qualifier)
    weights = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    differing = []
    for version, weight in weights.items():
        other = client.get_function_configuration(FunctionName=name, Qualifier=version)
        variables = (other.get("Environment") or {}).get("Variables") or {}
        part = f"version {version}, which gets {weight:.0%} of the invocations of {qualifier}"
        unknown[part] = f"only {', '.join(SHARED_BY_VERSIONS)} are compared; check {name}:{version}"
        differing += [
            variable
            for variable in SHARED_BY_VERSIONS
            if variables.get(variable) != deployment.environment.get(variable)
        ]
    return tuple(dict.fromkeys(differing))


def _list_sources(deployment: Deployment) -> tuple[str, ...]:
    """List the services whose mappings or permissions invoke the function.

    https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
    """
    arns = (mapping.get("EventSourceArn", "") for mapping in deployment.mappings)
    found = [service for arn in arns for service in arn.split(":")[2:3]]
    try:
        answer = deployment.client("lambda").get_policy(FunctionName=deployment.options.function)
    except ClientError as error:
        if not _is_absent(error):
            raise
    else:
        for statement in json.loads(answer["Policy"]).get("Statement", ()):
            principal = statement.get("Principal")
            names = principal.get("Service", ()) if isinstance(principal, dict) else ()
            names = [names] if isinstance(names, str) else names
            if statement.get("Effect") == "Allow":
                found += [name.removesuffix(".amazonaws.com") for name in names]
    return tuple(dict.fromkeys(found))
