// Model files: every tensor by its released name, the architecture in the metadata.
#include "model/files/weights.hpp"

#include <ATen/Parallel.h>

#include <atomic>

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
      {"F32", torch::kFloat32},   {"F64", torch::kFloat64}, {"I64", torch::kInt64}, {"I32", torch::kInt32},
      {"BF16", torch::kBFloat16}, {"F16", torch::kFloat16}, {"I16", torch::kInt16}, {"I8", torch::kInt8},
      {"U8", torch::kUInt8},      {"BOOL", torch::kBool}};
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

namespace {

/// The most frequent reason for a wrong shape of a tensor of this name.
std::string likely_cause(const std::string& name) {
  if (name.ends_with("positional_embedding")) return "another resolution, patch or context length";
  if (name == "token_embedding.weight") return "another vocabulary";
  if (name.find("attn.") != std::string::npos || name.find("mlp.") != std::string::npos) return "another width";
  if (name.find("proj") != std::string::npos) return "another joint space";
  return "another architecture than the other tensors imply";
}

bool has_only_finite(const Tensor& value) {
  if (!value.is_floating_point() || value.numel() == 0) return true;
  if (value.scalar_type() != torch::kFloat32) return at::isfinite(value).all().item<bool>();
  // A float is finite unless all bits of its exponent are set; one pass, no temporary.
  std::atomic<bool> finite = true;
  at::parallel_for(0, value.numel(), 1 << 16, [&](std::int64_t begin, std::int64_t end) {
    const auto* bits = static_cast<const std::uint32_t*>(value.const_data_ptr());
    std::uint32_t bad = 0;
    for (std::int64_t i = begin; i < end; ++i) bad |= (bits[i] & 0x7f800000u) == 0x7f800000u ? 1u : 0u;
    if (bad != 0) finite = false;
  });
  return finite;
}

/// Calls use(target, bytes) for each tensor of `state` that the file has in its shape; `use` returns whether all values
/// are finite.
template <class Use>
void match_state(const std::map<std::string, TensorBytes>& tensors, const std::string& prefix,
                 std::map<std::string, Tensor>& state, const std::string& where, Use use) {
  torch::NoGradGuard no_grad;
  std::string problems;
  const auto note = [&](const std::string& problem) { problems += (problems.empty() ? "" : "; ") + problem; };
  for (auto& [name, target] : state) {
    const auto found = tensors.find(prefix + name);
    if (found == tensors.end()) {
      if (!name.ends_with("num_batches_tracked")) note("missing " + name);  // counts steps of training, no weight
    } else if (c10::IntArrayRef(found->second.shape) != target.sizes()) {
      note(name + " is " + shape_text(found->second.shape) + ", expected " + shape_text(target.sizes()) + " (" +
           likely_cause(name) + ")");
    } else if (!use(target, found->second)) {
      note(name + " has NaN or infinity");
    }
  }
  for (const auto& [name, bytes] : tensors)
    if (name.starts_with(prefix) && !state.contains(name.substr(prefix.size()))) note("unmatched " + name);
  if (!problems.empty()) fail(where, problems, "the tensors of the architecture, each once");
}

}  // namespace

void load_state(const std::map<std::string, TensorBytes>& tensors, const std::string& prefix,
                std::map<std::string, Tensor>& state, const std::string& where) {
  match_state(tensors, prefix, state, where, [](Tensor& target, const TensorBytes& bytes) {
    const Tensor value = tensor_of(bytes);
    target.copy_(value);
    return has_only_finite(value);
  });
}

void adopt_state(const std::map<std::string, TensorBytes>& tensors, std::map<std::string, Tensor>& state,
                 const std::string& where) {
  match_state(tensors, "", state, where, [](Tensor& target, const TensorBytes& bytes) {
    const bool in_place = bytes.dtype == "F32" && target.scalar_type() == torch::kFloat32 && bytes.bytes > 0 &&
                          reinterpret_cast<std::uintptr_t>(bytes.data) % alignof(float) == 0;
    Tensor value =
        in_place ? torch::from_blob(const_cast<char*>(bytes.data), bytes.shape, torch::kFloat32) : tensor_of(bytes);
    const bool finite = has_only_finite(value);
    value = value.to(target.scalar_type());
    if (target.dim() == 4) value = value.contiguous(target.suggest_memory_format());
    target.set_data(value);
    return finite;
  });
}

void fold_layer_scale(ClipState& state, const std::string& where) {
  const torch::NoGradGuard no_grad;
  std::vector<std::string> scales;
  for (const auto& [name, tensor] : state.tensors)
    if (name.ends_with(".ls_1.gamma") || name.ends_with(".ls_2.gamma")) scales.push_back(name);
  for (const std::string& name : scales) {
    const std::string block = name.substr(0, name.size() - std::string_view("ls_1.gamma").size());
    const std::string before = block + (name.ends_with("ls_1.gamma") ? "attn.out_proj." : "mlp.c_proj.");
    const Tensor scale = tensor_of(state.tensors.at(name)).to(torch::kFloat32);
    for (const char* part : {"weight", "bias"}) {
      const auto found = state.tensors.find(before + part);
      if (found == state.tensors.end()) continue;  // listed as missing when the model is loaded
      Tensor value = tensor_of(found->second).to(torch::kFloat32);
      if (scale.dim() != 1 || value.dim() < 1 || value.size(0) != scale.size(0))
        fail(where, name + " is " + shape_text(scale.sizes()), "the width of " + before + part);
      const auto kept =
          std::make_shared<Tensor>((value.dim() == 2 ? value * scale.unsqueeze(1) : value * scale).contiguous());
      found->second = bytes_of(*kept);
      state.storage.push_back(kept);
    }
    state.tensors.erase(name);
  }
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
