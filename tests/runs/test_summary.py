"""A training in two phases, as the list of trainings has it."""

from __future__ import annotations

from pathlib import Path

from imgclf.runs.summary import read_run
from tests.support.config_texts import DATA, load
from tests.support.earlier_runs import interrupted_run

FINE_TUNED = (
    f"{DATA}model: {{backbone: EfficientNetLite0}}\ntraining: {{epochs: 4, fine_tune: 3}}\n"
)
LOG = """\
epoch,phase,accuracy,loss,val_accuracy,val_loss
0,1,0.5,0.7,0.6,0.6
1,2,0.9,0.8,0.95,0.9
"""


def test_the_epochs_of_both_phases_were_asked_for_and_the_phase_is_no_score(
    in_folder: Path,
) -> None:
    run = interrupted_run(load(FINE_TUNED))
    run.log.write_text(LOG)
    read = read_run(run, at_work=False)
    assert (read.epochs, read.epochs_run, read.epoch) == (7, 2, 2)
    assert read.scores == {
        "accuracy": 0.95,
        "loss": 0.9,
        "training_accuracy": 0.9,
        "training_loss": 0.8,
    }
