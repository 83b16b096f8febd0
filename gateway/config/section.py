"""What all sections of the configuration file have in common; no section stands here."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A section: nothing that is not asked for, and no conversions."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
