// Runs ONNX Runtime on what a JSON file on standard input asks for; answers in JSON.
//   {"jobs": [{"model": PATH, "threads": N, "inputs": {NAME: {"type", "dims", "file"}}, "out": PREFIX}]}
// Answer: [{"outputs": {NAME: {"type", "dims", "file"}}}] or, for a job that failed, {"error": TEXT}.
const fs = require("fs");
const ort = require("onnxruntime-node");

const arrays = {
  float32: Float32Array, float64: Float64Array, int8: Int8Array, uint8: Uint8Array, int16: Int16Array,
  uint16: Uint16Array, int32: Int32Array, uint32: Uint32Array, int64: BigInt64Array,
  uint64: BigUint64Array, bool: Uint8Array, float16: Uint16Array,
};

function read(input) {
  const bytes = fs.readFileSync(input.file);
  const copy = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  return new ort.Tensor(input.type, new arrays[input.type](copy), input.dims);
}

function write(tensor, file) {
  const data = tensor.data;
  fs.writeFileSync(file, Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  return { type: tensor.type, dims: tensor.dims, file };
}

async function run(job) {
  const session = await ort.InferenceSession.create(job.model, {
    intraOpNumThreads: job.threads || 1, interOpNumThreads: 1, logSeverityLevel: 4,
    // float arithmetic: it would quantize the activations of integer weights' MatMul by itself
    extra: { session: { qdq_matmulnbits_accuracy_level: "1" } },
  });
  const feeds = {};
  for (const [name, input] of Object.entries(job.inputs)) feeds[name] = read(input);
  const outputs = await session.run(feeds);
  const answer = {};
  let number = 0;
  for (const name of session.outputNames) answer[name] = write(outputs[name], `${job.out}.${number++}`);
  await session.release();
  return { outputs: answer };
}

async function main() {
  const answers = [];
  for (const job of JSON.parse(fs.readFileSync(0, "utf8")).jobs) {
    try {
      answers.push(await run(job));
    } catch (error) {
      answers.push({ error: String(error.message || error) });
    }
  }
  process.stdout.write(JSON.stringify(answers));
}
main();
