"""Draws the timeline that docs/testing.md shows: python -m tests.toolkit.draw_timeline."""

from pathlib import Path

from idempotent_lambda_toolkit.testing import Effects, hammer
from idempotent_lambda_toolkit.testing.reporting.timeline import draw_timeline

from .corpus import token_of_the_envelope as example

PICTURE = Path(__file__).parents[2] / "docs" / "pictures" / "timeline.svg"


def draw() -> str:
    """The timeline of a handler of the corpus, as a file."""
    effects, real = Effects(), example.charge
    ((name, token),) = example.CASE.effects.items()
    try:
        example.charge = effects.of(name, real, token=token)  # type: ignore[assignment]
        report = hammer(
            example.CASE.bad, example.CASE.event, effects=effects, **example.CASE.options
        )
    finally:
        example.charge = real
    return f"{draw_timeline(report.findings[0], is_file=True)}\n"


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
