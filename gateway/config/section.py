"""What all sections of the configuration file have in common; no section stands here."""

from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

SECRET: Final[dict[str, Any]] = {"writeOnly": True}
"""What the JSON Schema says of a value that no message may quote."""


class Section(BaseModel):
    """A section: nothing that is not asked for, and no conversions."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


def _file_name(name: str) -> str:
    if "\0" in name:
        raise ValueError(f"{name!r} is no name of a file; allowed: one without NUL")
    return name


FileName = Annotated[str, Field(min_length=1), AfterValidator(_file_name)]
"""A file or a directory, or the name of something that comes along."""
