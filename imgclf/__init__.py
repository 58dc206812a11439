"""imgclf trains, uses and corrects image classifiers.

    from imgclf import evaluate, load, predict, retrain, train

These are what the command line calls; docs/python.md shows them at work. Each is imported when it
is first asked for, so that a program which only predicts never waits for what trains.
"""

TYPE_CHECKING = False  # as type checkers read it; `typing` takes longer than all that is here

if TYPE_CHECKING:
    from imgclf.commands.evaluate import evaluate as evaluate
    from imgclf.commands.predict import load as load
    from imgclf.commands.predict import predict as predict
    from imgclf.commands.retrain import Options as RetrainOptions
    from imgclf.commands.retrain import Retrained as Retrained
    from imgclf.commands.retrain import retrain as retrain
    from imgclf.commands.train import Trained as Trained
    from imgclf.commands.train import train as train
    from imgclf.model.multi_label import MultiLabelEvaluation as MultiLabelEvaluation
    from imgclf.model.prediction import Prediction as Prediction
    from imgclf.model.scoring import Evaluation as Evaluation
    from imgclf.model_file.classifier import Classifier as Classifier

__all__ = [
    "Classifier",
    "Evaluation",
    "MultiLabelEvaluation",
    "Prediction",
    "RetrainOptions",
    "Retrained",
    "Trained",
    "evaluate",
    "load",
    "predict",
    "retrain",
    "train",
]

__version__ = "0.1.0"

_PLACES = {
    "Classifier": "model_file.classifier:Classifier",
    "Evaluation": "model.scoring:Evaluation",
    "MultiLabelEvaluation": "model.multi_label:MultiLabelEvaluation",
    "Prediction": "model.prediction:Prediction",
    "RetrainOptions": "commands.retrain:Options",
    "Retrained": "commands.retrain:Retrained",
    "Trained": "commands.train:Trained",
    "evaluate": "commands.evaluate:evaluate",
    "load": "commands.predict:load",
    "predict": "commands.predict:predict",
    "retrain": "commands.retrain:retrain",
    "train": "commands.train:train",
}

if not TYPE_CHECKING:  # to which any name would be right then

    def __getattr__(name):
        if name not in _PLACES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        module, _, own_name = _PLACES[name].partition(":")
        globals()[name] = getattr(import_module(f"{__name__}.{module}"), own_name)
        return globals()[name]

    def __dir__():
        return sorted({*globals(), *__all__})
