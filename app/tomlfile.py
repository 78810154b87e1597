"""TOML of an operator as a model; a fault is one line that says file and key."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from app.settings import SettingsError

MARK = "\0"  # a validator's message is key, mark, fault where the key is not the model's own


def read[M: BaseModel](model: type[M], given: str, name: str) -> M:
    """Read the file that one line names, or more lines that are its text.

    A deploy hands over the text itself: it is part of the release's configuration, and goes back
    with it.

    Args:
        model: what it should say.
        given: a path, or text of several lines.
        name: what text is called that is no file.

    Raises:
        SettingsError: it cannot be read, or is not what is wanted.
    """
    in_place = "\n" in given
    file = name if in_place else given
    try:
        text = given if in_place else Path(given).read_text("utf-8")
        document = tomllib.loads(text)
    except OSError as error:
        raise SettingsError(f"{file}: it cannot be read: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: it is not TOML: {error}") from None
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise SettingsError(_line(file, error)) from None


def _line(file: str, error: ValidationError) -> str:
    first: Any = error.errors(include_url=False)[0]
    words = str(first["msg"]).removeprefix("Value error, ")
    where, mark, fault = words.partition(MARK)
    if mark:
        return f"{file}: {where}: {fault}"
    key = ".".join(str(part) for part in first["loc"] if part != "[key]")
    if first["type"] == "extra_forbidden":
        words = "there is no such key"
    return f"{file}: {key}: {words[0].lower()}{words[1:]}"
