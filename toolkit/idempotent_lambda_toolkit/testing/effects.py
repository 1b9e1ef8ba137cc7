"""The declared side effects of code under test: recorders that can make them fail."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol
from unittest import mock

from idempotent_lambda_toolkit.testing.doubles import Token, find_target, make_double
from idempotent_lambda_toolkit.testing.failures import EffectFailed, make_lost_answer

__all__ = ["Call", "Declaration", "EffectFailed", "Effects", "Stage", "Token"]


@dataclass(frozen=True, kw_only=True)
class Call:
    """A side effect that was done.

    Attributes:
        name: the declared name.
        token: the idempotency token as text; None without one.
    """

    name: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    token: str | None = None


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """A declared side effect.

    Attributes:
        target: the name that it was replaced under; None if the test has replaced it by itself.
        shared: whether other consumers call its receiver too.
    """

    name: str
    target: str | None = None
    shared: bool = False


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the receiver of a side effect does; see `Effects.of`."""

    token: Token | None = None
    failure: Exception | None = None
    lost_answer: Exception | None = None
    shared: bool = False


class Stage(Protocol):
    """Decides what happens at a side effect."""

    def enter(self, call: Call, failure: Exception, lost_answer: Exception) -> Callable[[], None]:
        """Prepare for a side effect; return a function to call once it is done.

        Args:
            call: the side effect.
            failure: the exception to raise if the side effect must fail.
            lost_answer: the exception to raise if its answer must be lost.

        Raises:
            BaseException: the side effect must not happen. The returned function may raise it too:
                then the side effect has happened, but the process does not learn that.
        """


class Effects:
    """The declared side effects of the code under test.

    Declare everything that must happen once: a charge, a mail, a write. Side effects with the same
    name count as one, such as charges by either of two providers. Reads, logs and metrics are not
    side effects.

    Attributes:
        calls: the side effects that were done, in order.
        declarations: the side effects that were declared while `hammer` did not run, in order.
        stage: the object that sees every side effect; `hammer` sets it while it runs.
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.declarations: list[Declaration] = []
        self.stage: Stage | None = None
        self._lock = threading.Lock()

    def of(
        self,
        name: str,
        function: Callable[..., Any] | None = None,
        *,
        like: Callable[..., Any] | None = None,
        token: Token | None = None,
        failure: Exception | None = None,
        lost_answer: Exception | None = None,
        shared: bool = False,
    ) -> Callable[..., Any]:
        """Make a recorder of a side effect. Replace the real function with it.

        Args:
            name: the name in reports.
            function: the implementation for the test, sync or async; by default it does nothing.
            like: the real function. The recorder gets its signature and refuses the calls that it
                refuses. If it is a coroutine function, so is the recorder.
            token: the idempotency token that the receiver honours: its parameter, or a function
                that finds it. Repetitions with the same token count once.
            failure: the exception if `hammer` makes it fail; by default `EffectFailed`.
            lost_answer: the exception if `hammer` loses its answer, so that the code cannot know
                whether it happened. By default, ``failure`` if that is a timeout or a broken
                connection, else `AnswerLost`.
            shared: whether other consumers call the receiver too, so that tokens must not be the
                same in another namespace.

        Returns:
            A function with the parameters and the result of ``function``.

        Raises:
            ValueError: the token names no parameter, or ``shared`` comes without a token.
        """
        options = Options(token=token, failure=failure, lost_answer=lost_answer, shared=shared)
        return self._make_double(name, function, options, like=like)

    @contextmanager
    def patch(
        self,
        target: str,
        function: Callable[..., Any] | None = None,
        *,
        name: str | None = None,
        token: Token | None = None,
        failure: Exception | None = None,
        lost_answer: Exception | None = None,
        shared: bool = False,
    ) -> Iterator[None]:
        """Replace a function or method with a recorder of a side effect, as a context manager.

        A method that is replaced on its class stays a static or class method, or takes ``self``.

        Args:
            target: the name under which the code finds it, such as ``"orders.charge"`` or
                ``"orders.Client.charge"``.
            function: see `of`.
            name: the name in reports; by default the last part of the target.
            token: see `of`.
            failure: see `of`.
            lost_answer: see `of`.
            shared: see `of`.

        Raises:
            ValueError: the target does not exist, or as `of`.
        """
        options = Options(token=token, failure=failure, lost_answer=lost_answer, shared=shared)
        with mock.patch.object(*build_patch(self, target, function, name, options)):
            yield

    @contextmanager
    def patch_aws(
        self,
        operation: str,
        function: Callable[..., Any] | None = None,
        *,
        name: str | None = None,
        token: Token | None = None,
        failure: Exception | None = None,
        lost_answer: Exception | None = None,
        shared: bool = False,
    ) -> Iterator[None]:
        """Replace an operation of every boto3 client and resource, as a context manager.

        boto3 still validates the parameters. It sends nothing, so it needs no credentials. All
        other operations go where they went before.

        Args:
            operation: the service as in ``boto3.client`` and the operation as in the AWS API, such
                as ``"s3.PutObject"``.
            function: the implementation for the test: it gets the parameters as keywords, and
                returns the response. By default the response has only its metadata.
            name: the name in reports; by default the operation.
            token: a parameter of the operation, or a function that gets the parameters as keywords.
            failure: the exception if `hammer` makes it fail; by default the service's own
                `ClientError`.
            lost_answer: see `of`; by default botocore's `ReadTimeoutError`.
            shared: see `of`.

        Raises:
            ValueError: boto3 knows no such operation, or as `of`.
        """
        options = Options(token=token, failure=failure, lost_answer=lost_answer, shared=shared)
        with ExitStack() as stack:
            for patch in build_aws_patches(self, operation, function, name, options):
                stack.enter_context(mock.patch.object(*patch))
            yield

    def _make_double(
        self,
        name: str,
        function: Callable[..., Any] | None,
        options: Options,
        *,
        like: Callable[..., Any] | None,
        target: str | None = None,
    ) -> Callable[..., Any]:
        """Make a recorder, and declare its side effect."""
        error = options.failure or EffectFailed(f"hammer made {name!r} fail")
        lost = options.lost_answer or make_lost_answer(name, options.failure)

        def begin(
            args: tuple[Any, ...], kwargs: dict[str, Any], token: str | None
        ) -> Callable[[], None]:
            call = Call(name=name, args=args, kwargs=kwargs, token=token)
            return self._begin(call, error, lost)

        double = make_double(name, function, like, options.token, begin)
        self._declare(name, target, options)
        return double

    def _declare(self, name: str, target: str | None, options: Options) -> None:
        if options.shared and options.token is None:
            raise ValueError(
                f"the side effect {name!r} is shared and has no token: "
                "name the parameter that holds its token, or leave out shared"
            )
        if self.stage is None:
            declaration = Declaration(name=name, target=target, shared=options.shared)
            self.declarations.append(declaration)

    @property
    def declared(self) -> list[str]:
        """The names of `declarations`."""
        return [declaration.name for declaration in self.declarations]

    def _begin(self, call: Call, error: Exception, lost: Exception) -> Callable[[], None]:
        """Begin a side effect; return a function to call once it is done."""
        after = self.stage.enter(call, error, lost) if self.stage else None

        def leave() -> None:
            with self._lock:
                self.calls.append(call)
            if after:
                after()

        return leave


def build_patch(
    effects: Effects,
    target: str,
    function: Callable[..., Any] | None,
    name: str | None,
    options: Options,
) -> tuple[Any, str, Any]:
    """Return the object, the attribute and the recorder to set there; see `Effects.patch`."""
    found = find_target(target)
    double: Any = effects._make_double(  # noqa: SLF001  # a part of the class
        name or found.attribute, function, options, like=found.function, target=target
    )
    return found.owner, found.attribute, found.kind(double) if found.kind else double


def build_aws_patches(
    effects: Effects,
    operation: str,
    function: Callable[..., Any] | None,
    name: str | None,
    options: Options,
) -> list[tuple[Any, str, Any]]:
    """List objects, attributes and the values to set there; see `Effects.patch_aws`."""
    from idempotent_lambda_toolkit.testing import aws  # noqa: PLC0415  # only it needs botocore

    model = aws.find_operation(operation)
    aws.check_token(operation, options.token, model)
    called = name or operation
    effects._declare(called, operation, options)  # noqa: SLF001  # a part of the class
    lost = options.lost_answer or aws.make_lost_answer(operation, options.failure)

    def begin(params: dict[str, Any], token: str | None, error: Exception) -> Callable[[], None]:
        call = Call(name=called, kwargs=params, token=token)
        return effects._begin(call, options.failure or error, lost)  # noqa: SLF001  # as above

    return aws.build_patches(model, function, options.token, begin)
