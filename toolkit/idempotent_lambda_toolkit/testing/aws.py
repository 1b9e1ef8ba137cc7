"""Doubles of AWS operations, for every client and resource of boto3."""

import difflib
from collections.abc import Callable
from functools import cache
from typing import Any

import botocore.session
from botocore.client import BaseClient
from botocore.exceptions import (
    ClientError,
    ParamValidationError,
    ReadTimeoutError,
    UnknownServiceError,
)
from botocore.model import OperationModel, ServiceModel
from botocore.validate import ParamValidator

from idempotent_lambda_toolkit.testing import failures
from idempotent_lambda_toolkit.testing.doubles import Token, find_token

Begin = Callable[[dict[str, Any], str | None, Exception], Callable[[], None]]
"""Begins an operation with parameters, a token and the failure that the service would answer."""

METHOD = "_make_api_call"
"""The method of botocore's clients that every operation goes through."""

_SERVER_ERROR = 500
_EMPTY: dict[str, Callable[[], Any]] = {"list": list, "map": dict}


class Answer(dict[str, Any]):
    """The response of an operation that has no function.

    Lists and maps that it does not have are empty. For any other part, the error says what to do.
    """

    def __init__(self, model: OperationModel) -> None:
        super().__init__(ResponseMetadata={"HTTPStatusCode": 200, "RetryAttempts": 0})
        self._model = model

    def __missing__(self, member: str) -> Any:
        operation = _name_operation(self._model)
        output = self._model.output_shape
        if output is None or member not in output.members:
            raise KeyError(member)
        kind = output.members[member].type_name
        if kind in _EMPTY:
            return _EMPTY[kind]()  # nothing failed, nothing is left
        if member.startswith("Failed") and kind == "integer":
            return 0
        raise KeyError(
            f"{member}: the response of {operation} in this test has no {member}: give it a "
            f"function, such as lambda **parameters: {{{member!r}: ...}}"
        )


def find_operation(operation: str) -> OperationModel:
    """Find an operation, such as ``s3.PutObject``, in botocore's models.

    Raises:
        ValueError: there is no such service or operation.
    """
    service, dot, name = operation.partition(".")
    if not dot:
        raise ValueError(
            f"the AWS operation {operation!r} names no service: "
            "write service and operation, such as 's3.PutObject'"
        )
    try:
        model = _load_service(service)
    except UnknownServiceError:
        services = botocore.session.get_session().get_available_services()
        near = difflib.get_close_matches(service.lower(), services, n=3)
        raise ValueError(
            f"the AWS operation {operation!r} does not exist: boto3 has no service {service!r}: "
            f"{_suggest([f'{other}.{name}' for other in near], 'boto3.client(...) has its name')}"
        ) from None
    if name in model.operation_names:
        return model.operation_model(name)
    spelled = {known.lower(): known for known in model.operation_names}
    near = difflib.get_close_matches(name.replace("_", "").lower(), spelled, n=3)
    if near and near[0] == name.replace("_", "").lower():
        near = near[:1]
    suggestion = _suggest(
        [f"{service}.{spelled[other]}" for other in near], "the AWS API reference has its name"
    )
    raise ValueError(
        f"the AWS operation {operation!r} does not exist: {service} has no {name!r}: {suggestion}"
    )


@cache
def _load_service(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)


def _suggest(near: list[str], otherwise: str) -> str:
    return f"write {' or '.join(map(repr, near))}" if near else otherwise


def _name_operation(model: OperationModel) -> str:
    return f"{model.service_model.service_name}.{model.name}"


def check_token(operation: str, token: Token | None, model: OperationModel) -> None:
    """Check that the token names a parameter of the operation.

    Raises:
        ValueError: it does not.
    """
    members = [*model.input_shape.members] if model.input_shape else []
    if token is not None and not callable(token) and token not in members:
        near = difflib.get_close_matches(token, members, n=3, cutoff=0.5)
        raise ValueError(
            f"the AWS operation {operation!r} has no parameter {token!r}, its token: name one of "
            f"its parameters ({', '.join(near or members)}), or give a function that finds it"
        )


def build_patches(
    model: OperationModel,
    function: Callable[..., Any] | None,
    token: Token | None,
    begin: Begin,
) -> list[tuple[type[Any], str, Callable[..., Any]]]:
    """List classes, attributes and values to set: every client then calls the function."""
    wanted = model.service_model.service_name, model.name
    otherwise = getattr(BaseClient, METHOD)

    def make_api_call(client: Any, operation_name: str, api_params: dict[str, Any]) -> Any:
        service = client.meta.service_model
        if (service.service_name, operation_name) != wanted:
            return otherwise(client, operation_name, api_params)
        _validate(client, service.operation_model(operation_name), api_params)
        found = find_token(token, None, (), api_params)
        leave = begin(api_params, found, _make_failure(client, model))
        result = Answer(model) if function is None else function(**api_params)
        leave()
        return result

    patches: list[tuple[type[Any], str, Callable[..., Any]]]
    patches = [(BaseClient, METHOD, make_api_call)]
    if wanted[0] == "s3":
        patches.append(_build_transfer_patch())
    return patches


def _build_transfer_patch() -> tuple[type[Any], str, Callable[..., Any]]:
    """Let `upload_file` and its like work in the thread that calls them.

    So `hammer` knows which message they work for. boto3 does so with ``use_threads=False``:
    https://docs.aws.amazon.com/boto3/latest/reference/customizations/s3.html
    """
    from s3transfer.futures import NonThreadedExecutor  # noqa: PLC0415  # only S3 needs it
    from s3transfer.manager import TransferManager  # noqa: PLC0415

    otherwise = TransferManager.__init__

    def init(
        manager: Any, client: Any, config: Any = None, osutil: Any = None, executor_cls: Any = None
    ) -> None:
        del executor_cls
        otherwise(manager, client, config, osutil, NonThreadedExecutor)

    return TransferManager, "__init__", init


def _validate(client: Any, model: OperationModel, params: dict[str, Any]) -> None:
    """Check the parameters as a client does before it sends a request.

    Raises:
        ParamValidationError: they do not fit the operation.
    """
    context = {
        "client_region": client.meta.region_name,
        "client_config": client.meta.config,
        "has_streaming_input": model.has_streaming_input,
        "auth_type": model.resolved_auth_type,
        "unsigned_payload": model.unsigned_payload,
        "auth_options": model.service_model.metadata.get("auth"),
    }
    built = client._emit_api_params(  # noqa: SLF001  # resources convert parameters in it
        api_params=dict(params), operation_model=model, context=context
    )
    if client.meta.config.parameter_validation and model.input_shape is not None:
        report = ParamValidator().validate(built, model.input_shape)
        if report.has_errors():
            raise ParamValidationError(report=report.generate_report())


def _make_failure(client: Any, model: OperationModel) -> ClientError:
    """Make the error that the service answers when it is down."""
    errors = [shape.metadata.get("error", {}) for shape in model.error_shapes]
    codes = [
        error.get("code") or shape.name
        for error, shape in zip(errors, model.error_shapes, strict=True)
        if error.get("httpStatusCode", 0) >= _SERVER_ERROR or shape.name.startswith("Internal")
    ]
    code = codes[0] if codes else "ServiceUnavailable"
    text = f"hammer made {_name_operation(model)!r} fail"
    response: Any = {
        "Error": {"Code": code, "Message": text},
        "ResponseMetadata": {"HTTPStatusCode": 503, "RetryAttempts": 0},
    }
    failure: ClientError = client.exceptions.from_code(code)(response, model.name)
    return failure


def make_lost_answer(operation: str, failure: Exception | None) -> Exception:
    """Return the failure if it can also mean that the operation was done, else a read timeout."""
    lost = failures.make_lost_answer(operation, failure)
    if isinstance(lost, failures.AnswerLost):
        return ReadTimeoutError(endpoint_url=operation)
    return lost
