"""Update expressions as data: how they read to DynamoDB, and which names they use."""

from idempotent_lambda.store.updates import (
    Update,
    assign,
    assign_if_missing,
    increment,
    render_update,
)


def test_every_clause() -> None:
    """Values come first, then what is removed, then what is added to sets."""
    update = Update(
        changes=(assign("a", "x"), assign_if_missing("b", "y"), increment("c")),
        remove=("d", "e"),
        add=(("f", "z"),),
    )
    text, attributes, operands = render_update(update)
    assert text == (
        "SET #a = :x, #b = if_not_exists(#b, :y), #c = if_not_exists(#c, :zero) + :one "
        "REMOVE #d, #e ADD #f :z"
    )
    assert attributes == ("a", "b", "c", "d", "e", "f")
    assert operands == ("x", "y", "zero", "one", "z")


def test_values_alone() -> None:
    """An update that only assigns has no other clause."""
    assert render_update(Update((assign("a", "x"),))) == ("SET #a = :x", ("a",), ("x",))
