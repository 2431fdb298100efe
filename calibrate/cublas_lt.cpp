// SPDX-License-Identifier: Apache-2.0
#include "calibrate/cublas_lt.hpp"

#include <cublasLt.h>
#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <string>
#include <tuple>
#include <type_traits>

#include "calibrate/cuda_raii.hpp"
#include "model/contract.hpp"

namespace kurve::calibrate::cuda {
namespace {

/// The functions of the library that are used, under their own types.
struct Library {
  decltype(&cublasLtCreate) create = nullptr;
  decltype(&cublasLtDestroy) destroy = nullptr;
  decltype(&cublasLtMatmul) matmul = nullptr;
  decltype(&cublasLtMatmulAlgoGetHeuristic) heuristic = nullptr;
  decltype(&cublasLtMatmulDescCreate) desc_create = nullptr;
  decltype(&cublasLtMatmulDescDestroy) desc_destroy = nullptr;
  decltype(&cublasLtMatmulDescSetAttribute) desc_set = nullptr;
  decltype(&cublasLtMatrixLayoutCreate) layout_create = nullptr;
  decltype(&cublasLtMatrixLayoutDestroy) layout_destroy = nullptr;
  decltype(&cublasLtMatrixLayoutSetAttribute) layout_set = nullptr;
  decltype(&cublasLtMatmulPreferenceCreate) preference_create = nullptr;
  decltype(&cublasLtMatmulPreferenceDestroy) preference_destroy = nullptr;
  decltype(&cublasLtMatmulPreferenceSetAttribute) preference_set = nullptr;
};

Library load() {
  std::string const name = "libcublasLt.so." + std::to_string(CUBLAS_VER_MAJOR);
  void* library = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  std::string const why = library == nullptr ? dlerror() : "";
  if (library == nullptr) library = dlopen(KURVE_CUBLASLT_PATH, RTLD_NOW | RTLD_LOCAL);  // where the build found it
  if (library == nullptr)
    throw DeviceError("cannot load cuBLASLt: " + why +
                      " (matrix products need it). Install the CUDA libraries, or name "
                      "their folder in LD_LIBRARY_PATH?");
  Library l;
  auto find = [&](auto& function, char const* symbol) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, symbol));
    if (function == nullptr) throw DeviceError(name + " has no " + symbol + " (another version?)");
  };
  find(l.create, "cublasLtCreate");
  find(l.destroy, "cublasLtDestroy");
  find(l.matmul, "cublasLtMatmul");
  find(l.heuristic, "cublasLtMatmulAlgoGetHeuristic");
  find(l.desc_create, "cublasLtMatmulDescCreate");
  find(l.desc_destroy, "cublasLtMatmulDescDestroy");
  find(l.desc_set, "cublasLtMatmulDescSetAttribute");
  find(l.layout_create, "cublasLtMatrixLayoutCreate");
  find(l.layout_destroy, "cublasLtMatrixLayoutDestroy");
  find(l.layout_set, "cublasLtMatrixLayoutSetAttribute");
  find(l.preference_create, "cublasLtMatmulPreferenceCreate");
  find(l.preference_destroy, "cublasLtMatmulPreferenceDestroy");
  find(l.preference_set, "cublasLtMatmulPreferenceSetAttribute");
  return l;
}

Library const& library() {
  static Library const loaded = load();
  return loaded;
}

void check(cublasStatus_t status, std::string const& call) {
  if (status != CUBLAS_STATUS_SUCCESS)
    throw DeviceError(call + ": cuBLAS status " + std::to_string(static_cast<int>(status)) +
                      " (cublas_api.h, cublasStatus_t)");
}

// NVIDIA's advice for Hopper (cuBLAS documentation, "cublasSetWorkspace"); algorithms that want more are not offered.
constexpr std::size_t workspace_bytes = std::size_t{32} << 20;
constexpr int algorithms_tried = 8;
constexpr int runs_each = 5;  // the fastest of five: a launch that something else delayed is not the algorithm's doing
constexpr double hopeless = 1.3;  // times the fastest: such a first run is the last

template <typename Handle>
using Guarded = std::unique_ptr<std::remove_pointer_t<Handle>, cublasStatus_t (*)(Handle)>;

/// Descriptors of a shape, and the algorithm chosen for it.
struct Plan {
  Guarded<cublasLtMatmulDesc_t> description{nullptr, nullptr};
  Guarded<cublasLtMatrixLayout_t> first{nullptr, nullptr}, second{nullptr, nullptr}, out{nullptr, nullptr};
  cublasLtMatmulAlgo_t algorithm{};
};

using Shape = std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t, bool, bool>;
Shape shape_of(MatrixProduct const& p) { return {p.m, p.n, p.k, p.batch, p.transpose_a, p.transpose_b}; }

std::string text_of(MatrixProduct const& p) {
  return "matrix product " + std::to_string(p.m) + " x " + std::to_string(p.n) + " x " + std::to_string(p.k) +
         (p.batch > 1 ? ", " + std::to_string(p.batch) + " of them" : "");
}

Guarded<cublasLtMatrixLayout_t> make_layout(cudaDataType_t type, ColumnMajor const& matrix, std::int64_t batch) {
  auto const& l = library();
  cublasLtMatrixLayout_t layout = nullptr;
  check(l.layout_create(&layout, type, static_cast<std::uint64_t>(matrix.rows),
                        static_cast<std::uint64_t>(matrix.columns), matrix.rows),
        "cublasLtMatrixLayoutCreate");
  Guarded<cublasLtMatrixLayout_t> guarded(layout, l.layout_destroy);
  auto const count = static_cast<std::int32_t>(batch);
  std::int64_t const stride = matrix.rows * matrix.columns;
  check(l.layout_set(layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count, sizeof count), "batch count");
  check(l.layout_set(layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &stride, sizeof stride), "batch stride");
  return guarded;
}

}  // namespace

struct MatrixLibrary::State {
  cudaDataType_t type = CUDA_R_16BF;
  cublasComputeType_t compute = CUBLAS_COMPUTE_32F;
  cublasLtHandle_t handle = nullptr;
  DeviceMemory workspace{workspace_bytes};
  std::map<Shape, Plan> plans;

  ~State() {
    plans.clear();
    if (handle != nullptr) library().destroy(handle);
  }

  Plan make_plan(MatrixProduct const& product) const {
    auto const& l = library();
    auto const columns = column_major(product);
    Plan plan;
    cublasLtMatmulDesc_t description = nullptr;
    check(l.desc_create(&description, compute, CUDA_R_32F), "cublasLtMatmulDescCreate");
    plan.description = {description, l.desc_destroy};
    cublasOperation_t const first = columns.transpose_first ? CUBLAS_OP_T : CUBLAS_OP_N;
    cublasOperation_t const second = columns.transpose_second ? CUBLAS_OP_T : CUBLAS_OP_N;
    check(l.desc_set(description, CUBLASLT_MATMUL_DESC_TRANSA, &first, sizeof first), "transposition");
    check(l.desc_set(description, CUBLASLT_MATMUL_DESC_TRANSB, &second, sizeof second), "transposition");
    plan.first = make_layout(type, columns.first, product.batch);
    plan.second = make_layout(type, columns.second, product.batch);
    plan.out = make_layout(type, columns.out, product.batch);
    return plan;
  }

  cublasStatus_t run(Plan const& plan, cublasLtMatmulAlgo_t const& algorithm, MatrixProduct const& product,
                     void const* a, void const* b, void* out, cudaStream_t stream) const {
    auto const alpha = static_cast<float>(product.scale);
    float const beta = 0.0f;
    return library().matmul(handle, plan.description.get(), &alpha, b, plan.first.get(), a, plan.second.get(), &beta,
                            out, plan.out.get(), out, plan.out.get(), &algorithm, workspace.data(), workspace.bytes(),
                            stream);
  }
};

MatrixLibrary::MatrixLibrary(NumberFormat precision) : state_(std::make_unique<State>()) {
  if (precision != NumberFormat::bf16) state_->type = CUDA_R_32F;
  if (precision == NumberFormat::tf32) state_->compute = CUBLAS_COMPUTE_32F_FAST_TF32;
  check(library().create(&state_->handle), "cublasLtCreate");
}

MatrixLibrary::~MatrixLibrary() = default;

void MatrixLibrary::prepare(MatrixProduct const& product, void const* a, void const* b, void* out,
                            cudaStream_t stream) {
  auto& s = *state_;
  if (s.plans.count(shape_of(product)) != 0) return;
  auto const& l = library();
  Plan plan = s.make_plan(product);

  cublasLtMatmulPreference_t preference = nullptr;
  check(l.preference_create(&preference), "cublasLtMatmulPreferenceCreate");
  Guarded<cublasLtMatmulPreference_t> const guard(preference, l.preference_destroy);
  check(
      l.preference_set(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace_bytes, sizeof workspace_bytes),
      "workspace limit");
  std::array<cublasLtMatmulHeuristicResult_t, algorithms_tried> found{};
  int count = 0;
  cublasStatus_t const status =
      l.heuristic(s.handle, plan.description.get(), plan.first.get(), plan.second.get(), plan.out.get(), plan.out.get(),
                  preference, algorithms_tried, found.data(), &count);
  if (status != CUBLAS_STATUS_SUCCESS || count == 0)
    throw DeviceError("cuBLASLt knows no algorithm for the " + text_of(product) + " (status " +
                      std::to_string(static_cast<int>(status)) + "). Take widths that are multiples of 8?");

  Event const start, end;
  double fastest_s = std::numeric_limits<double>::infinity();
  for (int i = 0; i < count; ++i) {
    auto const& algorithm = found[static_cast<std::size_t>(i)].algo;
    if (s.run(plan, algorithm, product, a, b, out, stream) != CUBLAS_STATUS_SUCCESS) continue;
    for (int run = 0; run < runs_each; ++run) {
      cuda::check(cudaEventRecord(start.get(), stream), "cudaEventRecord");
      check(s.run(plan, algorithm, product, a, b, out, stream), "cublasLtMatmul, " + text_of(product));
      cuda::check(cudaEventRecord(end.get(), stream), "cudaEventRecord");
      cuda::check(cudaEventSynchronize(end.get()), ("cublasLtMatmul, " + text_of(product)).c_str());
      double const seconds = seconds_between(start, end);
      if (seconds > hopeless * fastest_s) break;
      if (seconds >= fastest_s) continue;
      fastest_s = seconds;
      plan.algorithm = algorithm;
    }
  }
  if (fastest_s == std::numeric_limits<double>::infinity())
    throw DeviceError("none of cuBLASLt's " + std::to_string(count) + " algorithms ran the " + text_of(product));
  s.plans.emplace(shape_of(product), std::move(plan));
}

void MatrixLibrary::multiply(MatrixProduct const& product, void const* a, void const* b, void* out,
                             cudaStream_t stream) {
  auto const plan = state_->plans.find(shape_of(product));
  KURVE_EXPECT(plan != state_->plans.end());
  check(state_->run(plan->second, plan->second.algorithm, product, a, b, out, stream),
        "cublasLtMatmul, " + text_of(product));
}

}  // namespace kurve::calibrate::cuda
