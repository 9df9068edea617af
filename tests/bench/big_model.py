"""ResNet-50's own graph (BatchNorm folded) with random normal weights: 54 tensors, 25.5 M weights,
98 MB. Speed does not depend on what the weights have learnt. `write(path)` makes it once."""
import os

import numpy as np
import onnx
from onnx import TensorProto, helper

STAGES = [(3, 64, 256), (4, 128, 512), (6, 256, 1024), (3, 512, 2048)]


class Builder:
    def __init__(self):
        self.random = np.random.default_rng(1)
        self.nodes, self.initializers = [], []

    def add(self, op, inputs, name, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [name + "_y"], name=name, **attributes))
        return name + "_y"

    def tensor(self, name, shape, spread):
        values = (self.random.standard_normal(shape) * spread).astype(np.float32)
        self.initializers.append(
            helper.make_tensor(name, TensorProto.FLOAT, shape, values.tobytes(), raw=True))
        return name

    def conv(self, x, name, inputs, outputs, kernel, stride, relu=True):
        fan_in = inputs * kernel * kernel
        weight = self.tensor(name + ".weight", [outputs, inputs, kernel, kernel], (2 / fan_in) ** .5)
        bias = self.tensor(name + ".bias", [outputs], 0.01)
        y = self.add("Conv", [x, weight, bias], name, kernel_shape=[kernel] * 2,
                     strides=[stride] * 2, pads=[kernel // 2] * 4)
        return self.add("Relu", [y], name + ".relu") if relu else y

    def block(self, x, name, inputs, width, outputs, stride):
        y = self.conv(x, name + ".conv1", inputs, width, 1, 1)
        y = self.conv(y, name + ".conv2", width, width, 3, stride)
        y = self.conv(y, name + ".conv3", width, outputs, 1, 1, relu=False)
        if inputs != outputs:
            x = self.conv(x, name + ".downsample", inputs, outputs, 1, stride, relu=False)
        return self.add("Relu", [self.add("Add", [x, y], name + ".add")], name + ".relu")


def build():
    b = Builder()
    x = b.conv("image", "conv1", 3, 64, 7, 2)
    x = b.add("MaxPool", [x], "pool", kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    channels = 64
    for s, (blocks, width, outputs) in enumerate(STAGES, 1):
        for i in range(blocks):
            stride = 2 if i == 0 and s > 1 else 1
            x = b.block(x, f"layer{s}.{i}", channels, width, outputs, stride)
            channels = outputs
    x = b.add("Flatten", [b.add("GlobalAveragePool", [x], "gap")], "flatten", axis=1)
    weight = b.tensor("fc.weight", [1000, 2048], 2048 ** -.5)
    bias = b.tensor("fc.bias", [1000], 0.01)
    b.nodes.append(helper.make_node("Gemm", [x, weight, bias], ["logits"], name="fc", transB=1))
    graph = helper.make_graph(
        b.nodes, "resnet50",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, 224, 224])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 1000])], b.initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7,
                             producer_name="bitdial")


def write(path):
    if not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        onnx.save(build(), path + ".part")
        os.rename(path + ".part", path)
    return path
