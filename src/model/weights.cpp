// Model files: every tensor by its released name, the architecture in the metadata.
#include "model/weights.hpp"

#include "base/error.hpp"

namespace cliplab {

using torch::Tensor;

std::map<std::string, Tensor> named_state(torch::nn::Module& module) {
  std::map<std::string, Tensor> state;
  for (auto& item : module.named_parameters()) state[item.key()] = item.value();
  for (auto& item : module.named_buffers()) state[item.key()] = item.value();
  return state;
}

namespace {

const std::vector<std::pair<std::string, torch::ScalarType>>& type_names() {
  static const std::vector<std::pair<std::string, torch::ScalarType>> names{
      {"F32", torch::kFloat32}, {"F64", torch::kFloat64}, {"I64", torch::kInt64}, {"I32", torch::kInt32},
      {"BF16", torch::kBFloat16}, {"F16", torch::kFloat16}, {"U8", torch::kUInt8}, {"BOOL", torch::kBool}};
  return names;
}

std::string shape_text(c10::IntArrayRef shape) {
  std::string text = "[";
  for (const auto side : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(side);
  return text + "]";
}

}  // namespace

TensorBytes bytes_of(const Tensor& tensor) {
  TORCH_INTERNAL_ASSERT(tensor.is_contiguous() && tensor.device().is_cpu());
  for (const auto& [name, type] : type_names())
    if (type == tensor.scalar_type())
      return {name, tensor.sizes().vec(), static_cast<const char*>(tensor.data_ptr()), tensor.nbytes()};
  TORCH_INTERNAL_ASSERT(false, "a tensor type without a safetensors name");
}

Tensor tensor_of(const TensorBytes& bytes) {
  for (const auto& [name, type] : type_names())
    if (name == bytes.dtype) {
      Tensor tensor = torch::empty(bytes.shape, type);
      if (bytes.bytes > 0) std::memcpy(tensor.data_ptr(), bytes.data, bytes.bytes);
      return tensor;
    }
  TORCH_INTERNAL_ASSERT(false, "a safetensors type without a tensor type");
}

void load_state(const std::map<std::string, TensorBytes>& tensors, const std::string& prefix,
                std::map<std::string, Tensor>& state, const std::string& where) {
  torch::NoGradGuard no_grad;
  std::string problems;
  const auto note = [&](const std::string& problem) { problems += (problems.empty() ? "" : "; ") + problem; };
  for (auto& [name, target] : state) {
    const auto found = tensors.find(prefix + name);
    if (found == tensors.end()) {
      note("missing " + name);
    } else if (c10::IntArrayRef(found->second.shape) != target.sizes()) {
      note(name + " is " + shape_text(found->second.shape) + ", expected " + shape_text(target.sizes()) +
           " (another architecture than its metadata says)");
    } else {
      const Tensor value = tensor_of(found->second);
      if (value.is_floating_point() && !at::isfinite(value).all().item<bool>()) note(name + " has NaN or infinity");
      target.copy_(value);
    }
  }
  for (const auto& [name, bytes] : tensors)
    if (name.starts_with(prefix) && !state.contains(name.substr(prefix.size()))) note("unmatched " + name);
  if (!problems.empty()) fail(where, problems, "the tensors of the architecture, each once");
}

void save_model(const std::filesystem::path& path, Clip& model, const std::map<std::string, std::string>& extra) {
  std::map<std::string, Tensor> kept;
  std::map<std::string, TensorBytes> tensors;
  for (const auto& [name, value] : named_state(*model)) {
    kept[name] = value.detach().to(torch::kCPU).contiguous();
    tensors[name] = bytes_of(kept[name]);
  }
  auto metadata = to_metadata(model->architecture());
  metadata.insert(extra.begin(), extra.end());
  write_safetensors(path, tensors, metadata);
}

}  // namespace cliplab
