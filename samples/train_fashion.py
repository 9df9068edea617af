#!/usr/bin/python3
"""Train the sample network of bitdial and write it as ONNX, with test images.

Needs Debian's python3-torch, python3-onnx and dataset-fashion-mnist.

    /usr/bin/python3 samples/train_fashion.py            train, write, measure
    /usr/bin/python3 samples/train_fashion.py --check    measure the ONNX file that is there

It writes three files beside itself:

    fashion.onnx     the network: images of 0..255 in, ten logits out
    fashion_x.npy    the first 1,000 test images, uint8, 1000x1x28x28
    fashion_y.npy    their classes, int64

The network is trained on pixels of 0..1 with batch normalization. The scale of
the pixels and the normalization are both folded into the convolutions: the
file takes raw pixels and holds nothing but Conv, Relu, MaxPool,
GlobalAveragePool, Flatten and Gemm.

One thread and a fixed seed make a run repeatable on one machine. Another
processor may round otherwise, and then the weights end up a little different.
"""

import argparse
import gzip
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper
from torch import nn

DATA = Path("/usr/share/datasets/fashion-mnist")
HERE = Path(__file__).resolve().parent
MODEL, IMAGES, CLASSES = HERE / "fashion.onnx", HERE / "fashion_x.npy", HERE / "fashion_y.npy"

SEED = 1
EPOCHS = 24
BATCH = 64
PEAK_RATE = 0.1
WEIGHT_DECAY = 5e-4
SHIFT = 2           # augmentation: at most so many pixels each way
KEPT = 1000         # test images that are stored beside the model
PIXEL_SCALE = 255.0


class Conv(NamedTuple):
    """One convolution with its normalization, ReLU and, maybe, 2x2 max pooling."""
    name: str
    inputs: int
    outputs: int
    kernel: int
    groups: int = 1
    pooled: bool = False


class Dense(NamedTuple):
    """One fully connected layer; all but the last are followed by ReLU."""
    name: str
    inputs: int
    outputs: int


# The whole network. Global average pooling stands between the two lists.
CONVS = [
    Conv("stem",      1,  24, 3, pooled=True),      # 28x28 -> 14x14
    Conv("block1.dw", 24, 24, 3, groups=24),
    Conv("block1.pw", 24, 48, 1),
    Conv("block2.dw", 48, 48, 3, groups=48),
    Conv("block2.pw", 48, 64, 1, pooled=True),      # 14x14 -> 7x7
    Conv("conv3",     64, 96, 3),
    Conv("block4.dw", 96, 96, 3, groups=96),
    Conv("block4.pw", 96, 128, 1),
    Conv("block5.dw", 128, 128, 3, groups=128),
    Conv("block5.pw", 128, 128, 1),
]
DENSES = [Dense("fc1", 128, 96), Dense("fc2", 96, 10)]


# ---- data -------------------------------------------------------------------

def read_idx(name):
    """An IDX file of bytes: magic 0 0 8 RANK, RANK big-endian sizes, the bytes."""
    raw = gzip.decompress((DATA / name).read_bytes())
    if raw[:3] != b"\0\0\x08":
        raise ValueError(f"{name}: not an IDX file of bytes")
    rank = raw[3]
    shape = np.frombuffer(raw, ">u4", count=rank, offset=4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape)


def load(part):
    """Images (uint8, Nx1x28x28) and classes (int64) of "train" or "t10k"."""
    images = read_idx(f"{part}-images-idx3-ubyte.gz")[:, np.newaxis]
    classes = read_idx(f"{part}-labels-idx1-ubyte.gz").astype(np.int64)
    return torch.from_numpy(images.copy()), torch.from_numpy(classes)


def augment(images):
    """Shift every image by up to SHIFT pixels each way and mirror about half of them."""
    count, size = len(images), images.shape[-1]
    windows = F.pad(images, [SHIFT] * 4).unfold(2, size, 1).unfold(3, size, 1)
    down, right = torch.randint(0, 2 * SHIFT + 1, (2, count))
    moved = windows[torch.arange(count), :, down, right]
    mirrored = torch.rand(count) < 0.5
    return torch.where(mirrored[:, None, None, None], moved.flip(3), moved)


# ---- training ---------------------------------------------------------------

class FashionNet(nn.Module):
    """The network as it is trained: pixels of 0..1, normalization still apart."""

    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv2d(c.inputs, c.outputs, c.kernel, padding=c.kernel // 2, groups=c.groups,
                      bias=False) for c in CONVS)
        self.norms = nn.ModuleList(nn.BatchNorm2d(c.outputs) for c in CONVS)
        self.denses = nn.ModuleList(nn.Linear(d.inputs, d.outputs) for d in DENSES)

    def forward(self, x):
        for layer, conv, norm in zip(CONVS, self.convs, self.norms):
            x = norm(conv(x))
            if layer.pooled:            # before ReLU: the same values, a quarter of the work
                x = F.max_pool2d(x, 2)
            x = F.relu(x, inplace=True)
        x = x.mean((2, 3))
        for dense in self.denses[:-1]:
            x = F.relu(dense(x))
        return self.denses[-1](x)


def train_epoch(net, images, classes, optimizer, schedule):
    """One pass in random order; returns the mean loss."""
    net.train()
    total = 0.0
    for chosen in torch.randperm(len(images)).split(BATCH):
        batch = augment(images[chosen].float() / PIXEL_SCALE)
        loss = F.cross_entropy(net(batch.contiguous(memory_format=torch.channels_last)),
                               classes[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        total += loss.item() * len(chosen)
    return total / len(images)


def train(epochs):
    """Train from scratch and return the network after the last epoch, whatever it scores."""
    torch.manual_seed(SEED)
    images, classes = load("train")
    net = FashionNet().to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(net.parameters(), PEAK_RATE, momentum=0.9, nesterov=True,
                                weight_decay=WEIGHT_DECAY)
    steps = -(-len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(     # a short warm-up, then a cosine to zero
        optimizer, PEAK_RATE, epochs=epochs, steps_per_epoch=steps, pct_start=0.1,
        cycle_momentum=False)
    start = time.monotonic()
    for epoch in range(1, epochs + 1):
        loss = train_epoch(net, images, classes, optimizer, schedule)
        print(f"epoch {epoch:2}/{epochs}  loss {loss:.4f}  {time.monotonic() - start:5.0f} s",
              flush=True)
    return net.eval()


# ---- folding ----------------------------------------------------------------

def fold_norm(conv, norm):
    """Weight and bias (float64) of the one convolution that does what conv and norm do."""
    gain = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    weight = conv.weight.double() * gain[:, None, None, None]
    return weight, norm.bias.double() - norm.running_mean.double() * gain


@torch.no_grad()
def fold(net):
    """The network's tensors by name, normalization and pixel scale folded in, as float32."""
    tensors = {}
    for i, (layer, conv, norm) in enumerate(zip(CONVS, net.convs, net.norms)):
        weight, bias = fold_norm(conv, norm)
        if i == 0:                      # zero padding stays zero at any scale
            weight = weight / PIXEL_SCALE
        tensors[layer.name + ".weight"], tensors[layer.name + ".bias"] = weight, bias
    for layer, dense in zip(DENSES, net.denses):
        tensors[layer.name + ".weight"], tensors[layer.name + ".bias"] = dense.weight, dense.bias
    return {name: np.ascontiguousarray(t.numpy(), dtype=np.float32)
            for name, t in tensors.items()}


# ---- ONNX out ---------------------------------------------------------------

class GraphWriter:
    """Appends nodes to a chain, each one reading what the one before wrote."""

    def __init__(self, first):
        self.nodes, self.last = [], first

    def add(self, op, name, weights=(), output=None, **attributes):
        output = output or name + ".out"
        self.nodes.append(helper.make_node(op, [self.last, *weights], [output], name=name,
                                           **attributes))
        self.last = output


def make_nodes():
    """The nodes from "image" to "logits"; weights go by the names that fold() gives."""
    graph = GraphWriter("image")
    for c in CONVS:
        graph.add("Conv", c.name, [c.name + ".weight", c.name + ".bias"], group=c.groups,
                  kernel_shape=[c.kernel] * 2, pads=[c.kernel // 2] * 4, strides=[1, 1])
        graph.add("Relu", c.name + ".relu")
        if c.pooled:
            graph.add("MaxPool", c.name + ".pool", kernel_shape=[2, 2], strides=[2, 2])
    graph.add("GlobalAveragePool", "pool")
    graph.add("Flatten", "flatten", axis=1)
    for d in DENSES:
        final = d is DENSES[-1]
        graph.add("Gemm", d.name, [d.name + ".weight", d.name + ".bias"],
                  output="logits" if final else None, transB=1)
        if not final:
            graph.add("Relu", d.name + ".relu")
    return graph.nodes


def write_onnx(tensors, path):
    """Check the model and write it to path."""
    graph = helper.make_graph(
        make_nodes(), "fashion",
        inputs=[helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, 28, 28])],
        outputs=[helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 10])],
        initializer=[numpy_helper.from_array(t, name) for name, t in tensors.items()])
    model = helper.make_model(graph, producer_name="bitdial", ir_version=7,
                              opset_imports=[helper.make_opsetid("", 13)])
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(path))


# ---- ONNX in, and measuring -------------------------------------------------

def run_node(node, inputs):
    """The output of one node: just the operators and attributes that this network has."""
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    if node.op_type == "Conv":
        return F.conv2d(*inputs, padding=attributes["pads"][:2], groups=attributes["group"])
    if node.op_type == "Gemm":
        return F.linear(*inputs)
    if node.op_type == "Relu":
        return F.relu(*inputs)
    if node.op_type == "MaxPool":
        return F.max_pool2d(*inputs, attributes["kernel_shape"], attributes["strides"])
    if node.op_type == "GlobalAveragePool":
        return inputs[0].mean((2, 3), keepdim=True)
    if node.op_type == "Flatten":
        return inputs[0].flatten(attributes["axis"])
    raise ValueError(f"{node.name}: operator {node.op_type} is not expected here")


def run_graph(graph, images):
    """The logits that the graph of an ONNX file computes with its own weights."""
    values = {t.name: torch.from_numpy(numpy_helper.to_array(t).copy())
              for t in graph.initializer}
    values["image"] = images
    for node in graph.node:
        values[node.output[0]] = run_node(node, [values[name] for name in node.input])
    return values["logits"]


@torch.no_grad()
def logits(function, images):
    """function over all images (uint8), a few at a time."""
    return torch.cat([function(part.float()) for part in images.split(500)])


def print_layers(graph):
    """Every weight of the file that can be quantized, with its shape and size."""
    total = 0
    for tensor in graph.initializer:
        if tensor.name.endswith(".weight"):
            count = int(np.prod(tensor.dims))
            total += count
            print(f"  {tensor.name:18} {'x'.join(map(str, tensor.dims)):12} {count:7,}")
    print(f"  {'total':31} {total:7,}")


def measure(net=None):
    """Score the file on the test images; with net, say how far folding moved the outputs."""
    graph = onnx.load(str(MODEL)).graph
    print_layers(graph)
    images, classes = load("t10k")
    folded = logits(lambda x: run_graph(graph, x), images)
    right = folded.argmax(1) == classes
    print(f"top-1 on all {len(images):,} test images: {right.double().mean():.2%}")
    print(f"top-1 on the first {KEPT:,}: {right[:KEPT].double().mean():.2%}")
    if net is not None:
        plain = logits(lambda x: net(x / PIXEL_SCALE), images)
        print(f"folded and unfolded: greatest difference {(folded - plain).abs().max():.2e} "
              f"in logits up to {plain.abs().max():.1f}, "
              f"{int((folded.argmax(1) != plain.argmax(1)).sum())} classes differ")


def write_images():
    """Store the first test images and their classes."""
    images, classes = load("t10k")
    np.save(IMAGES, images[:KEPT].numpy())
    np.save(CLASSES, classes[:KEPT].numpy())


def main():
    parser = argparse.ArgumentParser(description="Train bitdial's sample network.")
    parser.add_argument("--check", action="store_true", help="only measure fashion.onnx")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="default: %(default)s")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.check:
        return measure()
    net = train(options.epochs)
    write_onnx(fold(net), MODEL)
    write_images()
    return measure(net)


if __name__ == "__main__":
    main()
