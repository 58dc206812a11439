"""What to train and how: the config file, checked before anything is imported or read."""

from imgclf.config.head import Head, resolve_head
from imgclf.config.load import LoadedConfig, load_config, parse_config
from imgclf.config.schema import Config, DataConfig, ModelConfig, TrainingConfig
from imgclf.config.spec import Spec

__all__ = [
    "Config",
    "DataConfig",
    "Head",
    "LoadedConfig",
    "ModelConfig",
    "Spec",
    "TrainingConfig",
    "load_config",
    "parse_config",
    "resolve_head",
]
