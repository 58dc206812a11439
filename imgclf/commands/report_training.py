"""The report of a training at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgclf.config.keras_names import MIXING
from imgclf.config.loaded import LoadedConfig
from imgclf.config.network import declared_network
from imgclf.config.yaml_scalars import write_yaml
from imgclf.data.dataset import DataSet
from imgclf.data.mixing import mixing_of
from imgclf.errors import ImgclfError
from imgclf.report.augmentation_samples import sample_augmentation
from imgclf.report.curves import curves_of
from imgclf.report.gather import Outcome, gather_facts
from imgclf.report.kept_facts import keep_facts
from imgclf.report.plots import draw_curves
from imgclf.report.run_facts import Declared
from imgclf.report.run_page import write_report
from imgclf.runs.folder import RunFolder
from imgclf.system import console
from imgclf.training.fit import Fitted

if TYPE_CHECKING:
    from imgclf.backend import keras


def report_training(
    loaded: LoadedConfig,
    data: DataSet,
    fitted: Fitted,
    model: keras.Model,
    run: RunFolder,
    outcome: Outcome,
) -> None:
    """Draws and writes what people look at, and keeps what it is made of.

    The model is safe by now, and stays so, whatever becomes of the page.

    Args:
        loaded: What was trained by.
        data: What was trained on.
        fitted: What the training came to.
        model: The published network, all of its augmentation in it.
        run: The training's folder.
        outcome: What it came to.

    Raises:
        WriteError: Something can't be written.
    """
    from imgclf.model.build import mixing_layers

    curves = curves_of(fitted.history, fitted.published_epoch, fitted.fine_tuned_after)
    draw_curves(curves, run.curves)
    config, names = loaded.config, data.folder.class_names
    declared = Declared(
        path=str(loaded.file.path),
        text=loaded.text,
        overridden=bool(loaded.overrides),
        resolved=loaded.resolved_yaml(),
        augmentation=write_yaml(config.written()["augmentation"]) if config.augmentation else "",
        seed=config.seed,
        split_seed=config.data.seed,
        publish=config.training.publish,
        made_up_for=config.makes_up_for_imbalance,
    )
    try:
        augmentation = sample_augmentation(
            model,
            fitted.augmenting,
            mixing_of(mixing_layers(declared_network(loaded, len(names)))),
            sum(spec.name not in MIXING for spec in config.augmentation),
            data.training,
            names,
        )
        facts = gather_facts(declared, data, run, outcome, augmentation)
        keep_facts(facts, run)
        write_report(facts, run)
    except ImgclfError:
        raise
    except Exception as error:  # the training is none the worse for a page that can't be made
        console.warning(f"no report: {type(error).__name__}: {error}")
