"""What a model says and how long it takes: drawn from distributions, the same for the same seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

WORDS = (
    "a", "the", "of", "and", "to", "in", "is", "it", "that", "for", "heron", "river", "bridge",
    "lantern", "quiet", "seven", "north", "answer", "reason", "because", "then", "stone", "light",
    "under", "over", "water", "morning", "small", "large", "plain", "ledger", "harbour",
)  # fmt: skip
CHARACTERS = 4  # of a token, as a rule of thumb of OpenAI's


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How models of this simulator are. Times and lengths are log-normal around their median."""

    first: float = 0.2  # seconds until the first token
    token: float = 0.01  # seconds between two
    tokens: int = 60  # of an answer
    spread: float = 0.3  # sigma of the logarithm; 0 is always the median


@dataclass(frozen=True, kw_only=True)
class Said:
    """One answer: either words or a tool's name and arguments."""

    tokens: tuple[str, ...]
    tool: str = ""
    arguments: str = ""
    first: float = 0.0
    token: float = 0.0
    prompt: int = 0
    cut: bool = False  # by max_tokens

    @property
    def text(self) -> str:
        """The whole of it."""
        return "".join(self.tokens)


def draw(shape: Shape, rng: random.Random, prompt: int, most: int | None) -> Said:
    """Return an answer of words.

    Args:
        shape: the distributions.
        rng: of this call.
        prompt: tokens of the question.
        most: tokens that were allowed.
    """
    wanted = max(1, round(_around(rng, shape.tokens, shape.spread)))
    many = wanted if most is None else min(wanted, most)
    words = [rng.choice(WORDS) for _ in range(many)]
    tokens = (words[0].capitalize(), *(f" {word}" for word in words[1:]))
    first = _around(rng, shape.first, shape.spread)
    token = _around(rng, shape.token, shape.spread)
    return Said(tokens=tokens, first=first, token=token, prompt=prompt, cut=many < wanted)


def _around(rng: random.Random, median: float, spread: float) -> float:
    return median * rng.lognormvariate(0, spread) if spread else median


def estimate(messages: object) -> int:
    """Return roughly how many tokens messages have."""
    return max(1, len(str(messages)) // CHARACTERS)


def example(schema: object) -> Any:  # noqa: ANN401 -- any JSON
    """Return the simplest value that a JSON schema allows, as far as tools use it."""
    if not isinstance(schema, dict):
        return "x"
    if schema.get("enum"):
        return schema["enum"][0]
    properties: Mapping[str, object] = schema.get("properties") or {}
    simple = {
        "object": {n: example(properties.get(n)) for n in schema.get("required") or ()},
        "array": [],
        "integer": 1,
        "number": 1.5,
        "boolean": True,
        "null": None,
    }
    kind = schema.get("type", "object" if properties else "string")
    return simple.get(kind if isinstance(kind, str) else "string", "x")
