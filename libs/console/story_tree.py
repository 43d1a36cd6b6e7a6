"""A story as people read it: a tree with times, in which nothing an event says can pass for markup or a command."""

from collections.abc import Iterator
from itertools import groupby
from typing import Final

from rich.text import Text
from rich.tree import Tree

from console.story import Step, Story

WORD_CHARS_MAX: Final = 100
ALIKE_SHOWN_MAX: Final = 3
"""Of events that are alike and led to nothing, so many are shown: a payment is told to every product alike."""


def render(story: Story) -> Tree:
    """The story as a tree: under each event, what it led to."""
    tree = Tree(Text.assemble((clean(story.id), "bold"), f"  {_extent(story)}"), guide_style="dim")
    branches = [tree]
    for group in _alike(story):
        shown = group[:ALIKE_SHOWN_MAX] if len(group) > ALIKE_SHOWN_MAX + 1 else group
        for step in shown:
            del branches[step.depth + 1 :]
            branches.append(branches[step.depth].add(_line(step)))
        if len(shown) < len(group):
            told = group[0].told
            more = f"… and {len(group) - len(shown)} more {clean(told.type)} in {clean(told.stream)}"
            branches[group[0].depth].add(Text(more, "dim", overflow="ellipsis", no_wrap=True))
    return tree


def _alike(story: Story) -> Iterator[list[Step]]:
    """Neighbours that are alike and led to nothing, together; every other event alone."""
    steps = story.steps
    nexts = [step.depth for step in steps[1:]]
    leaves = [after <= step.depth for step, after in zip(steps, [*nexts, 0], strict=True)]
    for (leaf, *_), group in groupby(
        zip(steps, leaves, strict=True),
        key=lambda pair: (pair[1], pair[0].depth, pair[0].cause, pair[0].told.type, pair[0].told.stream),
    ):
        together = [step for step, _ in group]
        if leaf:
            yield together
        else:
            yield from ([step] for step in together)


def clean(word: str) -> str:
    """A word from outside with nothing in it that a terminal would obey, and not too long."""
    short = word if len(word) <= WORD_CHARS_MAX else word[: WORD_CHARS_MAX - 1] + "…"
    return "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in short)


def _line(step: Step) -> Text:
    told = step.told
    moment = told.at.strftime("%H:%M:%S.%f")[:-3]
    return Text.assemble(
        (f"{moment} ", "dim"),
        (f"+{step.delay_ms} ms " if step.delay_ms is not None else "", "cyan"),
        (clean(told.type), "bold"),
        f" {clean(told.stream)}/{clean(told.subject)}",
        (f" {clean(told.reason)}" if told.reason else "", "yellow"),
        (f" by {clean(told.source)}", "dim"),
        overflow="ellipsis",
        no_wrap=True,
    )


def _extent(story: Story) -> str:
    times = [step.told.timestamp_ms for step in story.steps]
    began = min(step.told.at for step in story.steps)
    stories = len({step.told.correlation for step in story.steps})
    requests = "" if stories == 1 else f" in {stories} requests"
    return (
        f"{len(times):,} events{requests}, {(max(times) - min(times)) / 1000:.3f} s from {began:%Y-%m-%d %H:%M:%S} UTC"
    )
