"""Update expressions as data: the changes of a conditional write.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.UpdateExpressions.html
"""

from typing import NamedTuple

from idempotent_lambda.protocol.conditions import RenderedExpression


class Change(NamedTuple):
    """A new value of one attribute.

    Attributes:
        attribute: name of the attribute.
        text: change in DynamoDB's syntax, with an alias for every name and value.
        operands: names of the operands in the text.
    """

    attribute: str
    text: str
    operands: tuple[str, ...]


def assign(attribute: str, operand: str) -> Change:
    """Assign the value of the operand to the attribute."""
    return Change(attribute, f"#{attribute} = :{operand}", (operand,))


def assign_if_missing(attribute: str, operand: str) -> Change:
    """Assign the value of the operand to the attribute, unless the attribute has a value."""
    text = f"#{attribute} = if_not_exists(#{attribute}, :{operand})"
    return Change(attribute, text, (operand,))


def increment(attribute: str) -> Change:
    """Increase the attribute by one; a missing attribute counts as zero."""
    text = f"#{attribute} = if_not_exists(#{attribute}, :zero) + :one"
    return Change(attribute, text, ("zero", "one"))


class Update(NamedTuple):
    """All changes of one write.

    Attributes:
        changes: attributes that get values; at least one.
        remove: attributes to remove.
        add: sets, each with the operand whose members are added.
    """

    changes: tuple[Change, ...]
    remove: tuple[str, ...] = ()
    add: tuple[tuple[str, str], ...] = ()


def render_update(update: Update) -> RenderedExpression:
    """Render an update expression, with an alias for every name and value."""
    text = f"SET {', '.join(change.text for change in update.changes)}"
    if update.remove:
        text += f" REMOVE {', '.join(f'#{name}' for name in update.remove)}"
    if update.add:
        text += f" ADD {', '.join(f'#{name} :{operand}' for name, operand in update.add)}"
    changed = [change.attribute for change in update.changes]
    operands = [name for change in update.changes for name in change.operands]
    return RenderedExpression(
        text,
        (*changed, *update.remove, *(name for name, _ in update.add)),
        (*operands, *(operand for _, operand in update.add)),
    )
