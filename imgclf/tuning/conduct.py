"""Trials one after another: what each is trained on, and what is kept of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from imgclf.config.choices import Precision
from imgclf.config.load import with_overrides
from imgclf.config.loaded import LoadedConfig
from imgclf.config.schema import DataConfig
from imgclf.data.dataset import DataSet, read_config_dataset
from imgclf.data.given_files import GivenLabel
from imgclf.data.given_labels import take_in
from imgclf.errors import ConfigError, OwnCodeError, UsageError
from imgclf.runs.earlier import backbone_fingerprint
from imgclf.runs.folder import RunFolder, RunRecord, failure_noted, in_a_line
from imgclf.tuning.search import Drawn
from imgclf.tuning.train_trial import Ready, prepare, train_trial
from imgclf.tuning.trials import Trial, remove_remains, trial_path


@dataclass
class TrialPictures:
    """The same pictures as each trial sees them: of another size, say.

    Attributes:
        config: The section `data` that the pictures were read by at last.
        data: What they were read as.
        given: What people said of them.
    """

    config: DataConfig
    data: DataSet
    given: tuple[GivenLabel, ...]

    def of(self, config: DataConfig) -> DataSet:
        """As a trial with this section `data` sees them.

        Raises:
            DataError: A picture can't be read any more.
            WriteError: The decoded pictures can't be kept.
        """
        if config.model_copy(update={"batch_size": self.config.batch_size}) != self.config:
            taken = take_in(read_config_dataset(config), self.given, config.cache)
            self.config, self.data = config, taken.data
        return self.data


@dataclass(frozen=True)
class Conduct:
    """How the trials of a search are carried out.

    Attributes:
        loaded: The config as it stands.
        pictures: For all of them.
        folder: Where their runs go.
        stamp: Which search it is.
        command: What to type to go on with it.
        precision: What the config's `auto` has come to.
    """

    loaded: LoadedConfig
    pictures: TrialPictures
    folder: Path
    stamp: str
    command: str
    precision: Precision

    def first(self, ready: Ready) -> Trial:
        """Trains the config as it stands.

        Raises:
            ImgclfError: It can't be trained.
        """
        return self._train(ready, 0, None)

    def next(self, drawn: Drawn, before: Sequence[Trial]) -> Trial:
        """Trains with what was drawn; a trial that can't be trained has failed.

        Args:
            drawn: Told of each epoch, and at last what the trial came to.
            before: The trials so far.
        """
        number = len(before)
        same = next((one for one in before if _is_same(one, drawn)), None)
        if same is not None:
            # It would come to the same, for seeds are fixed.
            path = str(trial_path(self.folder, self.stamp, number))
            trial = replace(same, number=number, run=path, drawn=drawn.drawn, seconds=0.0)
            trial.keep()
        else:
            try:
                loaded = with_overrides(self.loaded, drawn.overrides)
                data = self.pictures.of(loaded.config.data)
                trial = self._train(prepare(loaded, data, self.precision), number, drawn)
            except OwnCodeError:
                raise
            except (ConfigError, UsageError) as error:
                trial = self._failed(drawn, number, in_a_line(error))
        drawn.tell(trial)
        return trial

    def _train(self, ready: Ready, number: int, drawn: Drawn | None) -> Trial:
        run = RunFolder(trial_path(self.folder, self.stamp, number))
        remove_remains(run.path)
        record = RunRecord(
            data_fingerprint=ready.data.fingerprint,
            backbone_fingerprint=backbone_fingerprint(ready.loaded.config.model.backbone),
            command=self.command,
            settled=ready.settled,
            trial=number,
        )
        with failure_noted(run):
            result = train_trial(ready, run, record, drawn.hopeless if drawn else _never)
        fitted = result.fitted
        epoch = None if fitted is None else fitted.published_epoch
        losses = [] if fitted is None else fitted.history.get("val_loss", [])
        trial = Trial(
            tuning=self.stamp,
            number=number,
            state="pruned" if fitted is None else "finished",
            run=str(run.path),
            drawn=drawn.drawn if drawn else {},
            overrides=drawn.overrides if drawn else (),
            monitor=result.monitor,
            mode="max" if result.mode == "max" else "min",
            values=tuple(None if math.isnan(value) else value for value in result.values),
            marks=drawn.marks if drawn else {},
            value=None if math.isnan(result.best) else result.best,
            loss=float(losses[epoch - 1]) if epoch is not None and epoch <= len(losses) else None,
            epoch=epoch,
            wrong=result.wrong,
            pictures=len(ready.data.validation),
            seconds=result.seconds,
        )
        trial.keep()
        return trial

    def _failed(self, drawn: Drawn, number: int, reason: str) -> Trial:
        trial = Trial(
            tuning=self.stamp,
            number=number,
            state="failed",
            run=str(trial_path(self.folder, self.stamp, number)),
            drawn=drawn.drawn,
            overrides=drawn.overrides,
            failure=reason,
        )
        trial.keep()
        return trial


def _is_same(trial: Trial, drawn: Drawn) -> bool:
    return trial.state == "finished" and trial.overrides == drawn.overrides


def _never(epoch: int, value: float) -> bool:
    return False
