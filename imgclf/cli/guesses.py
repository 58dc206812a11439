"""Options that people try and that are called something else here: a key of the config, mostly."""

import re
import shlex
from collections.abc import Sequence

_KEYS = {
    "training.epochs": "epoch, num_epochs, n_epochs, max_epochs, nb_epochs",
    "training.optimizer.learning_rate": "lr, learning_rate, lr0",
    "training.optimizer": "optim, opt",
    "training.metrics": "metric",
    "training.precision": "amp, fp16, bf16, mixed_precision, dtype",
    "training.fine_tune": "finetune, fine_tuning, unfreeze",
    "training.distribution": "gpus, num_gpus, devices, strategy",
    "data.directory": "data, dataset, data_dir, data_path, dir, folder, train_dir, input, images",
    "data.batch_size": "batch, bs, train_batch_size",
    "data.image_size": "size, img_size, imgsz, input_size, resolution",
    "data.validation_split": "val_split, split, val, validation, test_size",
    "data.seed": "random_seed, random_state",
    "data.cache": "cache_dir, cache_images",
    "model.backbone": "arch, architecture, network, net, pretrained, base_model, weights",
    "callbacks.EarlyStopping.patience": "patience, early_stopping",
}
"""For `train` and `check`, beside the config's own names."""

_OTHERS = {
    "train": {
        "resume, continue": "an interrupted training goes on by itself: imgclf train CONFIG",
        "force, overwrite, restart, no_resume, scratch": "say --fresh",
        "config, cfg, c, yaml": "the config stands by itself: imgclf train CONFIG",
        "gpu, device, cuda": "a GPU that TensorFlow sees is used; CUDA_VISIBLE_DEVICES= hides it",
        "output, out, output_dir, out_dir, save, save_dir, save_to, project, o": (
            "the model goes to models/NAME.keras, all else to runs/NAME: say --set name=NAME"
        ),
        "model, m": "say --set name=NAME for its name, --set model.backbone=NAME for its network",
    },
    "check": {"config, cfg, c, yaml": "the config stands by itself: imgclf check CONFIG"},
    "predict": {
        "image, images, img, input, i, file, files, data, dir, directory, folder, path, source": (
            "pictures and folders stand by themselves: imgclf predict PATH"
        ),
        "recursive, r": "folders are looked through to their bottom anyway",
        "weights, checkpoint, ckpt": "say --model FILE",
        "threshold, conf, confidence, min_conf": "say --min-confidence SHARE",
        "topk, top_k, k, n": "say --top K",
        "json": "say --format jsonl",
        "csv": "say --format csv",
        "tsv": "say --format tsv",
        "out, output_file, save": "say --output FILE",
        "html, report": "say --review FILE.html",
    },
    "evaluate": {
        "data, dataset, data_dir, dir, directory, folder, input, test_dir, path": (
            "the folder of class folders stands by itself: imgclf evaluate DIR"
        ),
        "weights, checkpoint, ckpt": "say --model FILE",
        "output, out, o": "results go to stdout: imgclf evaluate --json > FILE",
        "format": "say --json, or --csv with --suspects",
    },
    "retrain": {
        "class, as, to, correct, l": "say --label LABEL",
        "image, images, input, file, path": "pictures stand by themselves: imgclf retrain PATH",
        "csv, corrections": "the file stands by itself: imgclf retrain corrections.csv",
        "force, no_guard": "say --unguarded, which says what it costs",
        "undo, remove, delete, revert": "say --forget PICTURE",
    },
    "history": {"keep, clear, clean, limit": "say --prune N, which keeps the newest N"},
    "init": {
        "data, dataset, data_dir, dir, directory, folder, input": (
            "the folder stands by itself: imgclf init DIR"
        ),
        "out, config, name": "say --output FILE.yaml",
    },
    "label": {
        "class, names, class_names": "say --classes A,B",
        "table, csv": "say --labels FILE.csv",
        "html, page, output, out, o": "say --review FILE.html",
        "data, data_dir, dir, directory, folder, input, images": (
            "the folder stands by itself: imgclf label PHOTOS"
        ),
    },
    "adopt": {"labels, names, class_names, class": "say --classes A,B in the model's order"},
    "export": {
        "to, type, target": "say --format litert, onnx or saved_model",
        "tflite, litert": "say --format litert",
        "onnx": "say --format onnx",
        "int8": "say --quantize int8",
        "out, output_dir": "say --output FILE",
    },
}


def meant_by(command: str, option: str, arguments: Sequence[str]) -> str | None:
    """What to type instead of an option that a command hasn't got; None if that can't be told.

    Args:
        command: `train`, say.
        option: As it was typed: `--epochs`, perhaps with `=VALUE`.
        arguments: All that was typed after the command.
    """
    typed, _, value = option.partition("=")
    word = typed.lstrip("-").lower().replace("-", "_")
    for words, text in _OTHERS.get(command, {}).items():
        if word in words.split(", "):
            return text
    if command not in ("train", "check"):
        return None
    key = _key(word)
    return key and f"say --set {key}={shlex.quote(value or _value(option, arguments) or 'VALUE')}"


def _key(word: str) -> str | None:
    """The key of the config that has this name, or that goes by it elsewhere."""
    from imgclf.config.schema import DataConfig, TrainingConfig

    for section, keys in (("data", DataConfig), ("training", TrainingConfig)):
        if word in keys.model_fields:
            return f"{section}.{word}"
    return next((key for key, words in _KEYS.items() if word in words.split(", ")), None)


def _value(option: str, arguments: Sequence[str]) -> str | None:
    """What was typed behind an option."""
    for place, argument in enumerate(arguments):
        if argument == option:
            following = arguments[place + 1 : place + 2]
            return next((one for one in following if not re.match(r"-\D", one)), None)
        if argument.startswith(f"{option}="):
            return argument.partition("=")[2]
    return None
