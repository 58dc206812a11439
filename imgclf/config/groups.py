"""Which pictures belong together, as a config says it: `data.groups`."""

from __future__ import annotations

from imgclf.config.spec import Declared

NEAR_COPIES = "near_copies"


class Groups(Declared):
    """What a group's pictures have in common; those that share any of it are one group.

    Attributes:
        path: A regular expression, as `PathPattern` takes it, looked for in a picture's path in the
            data set: the group's name is what its first group matches, or else all of it; None if
            it is not by the path.
        column: The column of the table that has it; None likewise.
        near_copies: Whether pictures that look alike are one.
    """

    path: str | None = None
    column: str | None = None
    near_copies: bool = False

    def written(self) -> dict[str, str | bool]:
        """The form that a config has."""
        named = {key: getattr(self, key) for key in type(self).model_fields}
        return {key: value for key, value in named.items() if value not in (None, False)}
