"""Pretrained networks, up to their last feature map: what `model.backbone` names."""
