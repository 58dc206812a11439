"""How a pretrained network itself is trained, once what stands on it has learned."""

from __future__ import annotations

from typing import Any, Literal

from imgclf.config.spec import Declared

ALL_LAYERS = "all"
"""What `from` says if the whole network is trained."""


class FineTune(Declared):
    """The second phase of a training: of the backbone, from what the first has come to.

    Attributes:
        epochs: At most; callbacks may end it earlier. They come after those of the first phase.
        learning_rate: That it begins with; it falls along a cosine. "auto" looks for one.
        from_: Where the layers begin that are trained, written as `from`: "all", the name of a
            layer, or how many of its last layers, as Keras counts them.
        global_clipnorm: What the norm of all gradients together is cut to; None not to.
    """

    epochs: int = 8
    learning_rate: float | Literal["auto"] = 3e-4
    from_: int | str = ALL_LAYERS
    global_clipnorm: float | None = None

    def written(self) -> dict[str, Any]:
        """The form that a config has."""
        clipped = {} if self.global_clipnorm is None else {"global_clipnorm": self.global_clipnorm}
        return {
            "epochs": self.epochs,
            "learning_rate": self.learning_rate,
            "from": self.from_,
            **clipped,
        }
