// SPDX-License-Identifier: Apache-2.0
// cuBLASLt, as far as it is used, by its definition: column-major D = alpha op(A) op(B), batched. Loaded at run time as
// the real one is.
#include <cublasLt.h>

#include <cstring>

#include "tests/gpu/fake/element.hpp"
#include "tests/gpu/fake/fake_cuda.hpp"

using kurve::calibrate::NumberFormat;

namespace {

struct Layout {
  cudaDataType_t type;
  std::uint64_t rows, columns;
  std::int64_t leading;
  std::int32_t batch = 1;
  std::int64_t stride = 0;
};
struct Description {
  cublasOperation_t first = CUBLAS_OP_N, second = CUBLAS_OP_N;
};

template <typename T>
bool set(T& to, void const* from, std::size_t bytes) {
  if (bytes != sizeof to) return false;
  std::memcpy(&to, from, bytes);
  return true;
}
cublasStatus_t status(bool ok) { return ok ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE; }

struct Problem {
  Layout a, b, d;
  Description description;
  std::uint64_t inner() const { return description.first == CUBLAS_OP_N ? a.columns : a.rows; }
  bool fits() const {
    bool const na = description.first == CUBLAS_OP_N, nb = description.second == CUBLAS_OP_N;
    return d.rows == (na ? a.rows : a.columns) && d.columns == (nb ? b.columns : b.rows) &&
           inner() == (nb ? b.rows : b.columns) && a.batch == d.batch && b.batch == d.batch;
  }
};
Problem problem_of(cublasLtMatmulDesc_t description, cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                   cublasLtMatrixLayout_t d) {
  return {*reinterpret_cast<Layout*>(a), *reinterpret_cast<Layout*>(b), *reinterpret_cast<Layout*>(d),
          *reinterpret_cast<Description*>(description)};
}

void multiply(Problem const& p, float alpha, void const* a, void const* b, void* d) {
  auto const format = p.d.type == CUDA_R_16BF ? NumberFormat::bf16 : NumberFormat::fp32;
  auto const rows = static_cast<std::int64_t>(p.d.rows), columns = static_cast<std::int64_t>(p.d.columns),
             inner = static_cast<std::int64_t>(p.inner());
  for (std::int64_t batch = 0; batch < p.d.batch; ++batch)
    for (std::int64_t j = 0; j < columns; ++j)
      for (std::int64_t i = 0; i < rows; ++i) {
        float sum = 0.0f;
        for (std::int64_t l = 0; l < inner; ++l) {
          std::int64_t const at_a = p.description.first == CUBLAS_OP_N ? l * p.a.leading + i : i * p.a.leading + l;
          std::int64_t const at_b = p.description.second == CUBLAS_OP_N ? j * p.b.leading + l : l * p.b.leading + j;
          sum += kurve::fake::get(a, batch * p.a.stride + at_a, format) *
                 kurve::fake::get(b, batch * p.b.stride + at_b, format);
        }
        kurve::fake::put(d, batch * p.d.stride + j * p.d.leading + i, format, alpha * sum);
      }
}

}  // namespace

extern "C" {

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  *handle = reinterpret_cast<cublasLtHandle_t>(new int(0));
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  delete reinterpret_cast<int*>(handle);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType type, std::uint64_t rows,
                                          std::uint64_t columns, std::int64_t leading) {
  *layout = reinterpret_cast<cublasLtMatrixLayout_t>(new Layout{type, rows, columns, leading});
  return status(leading >= static_cast<std::int64_t>(rows));
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  delete reinterpret_cast<Layout*>(layout);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t layout, cublasLtMatrixLayoutAttribute_t what,
                                                void const* value, std::size_t bytes) {
  auto& l = *reinterpret_cast<Layout*>(layout);
  if (what == CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT) return status(set(l.batch, value, bytes));
  return status(what == CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET && set(l.stride, value, bytes));
}
cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* description, cublasComputeType_t, cudaDataType_t scale) {
  *description = reinterpret_cast<cublasLtMatmulDesc_t>(new Description);
  return status(scale == CUDA_R_32F);
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t description) {
  delete reinterpret_cast<Description*>(description);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t description, cublasLtMatmulDescAttributes_t what,
                                              void const* value, std::size_t bytes) {
  auto& d = *reinterpret_cast<Description*>(description);
  if (what == CUBLASLT_MATMUL_DESC_TRANSA) return status(set(d.first, value, bytes));
  return status(what == CUBLASLT_MATMUL_DESC_TRANSB && set(d.second, value, bytes));
}
cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
  *preference = reinterpret_cast<cublasLtMatmulPreference_t>(new std::size_t(0));
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  delete reinterpret_cast<std::size_t*>(preference);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t what, void const* value,
                                                    std::size_t bytes) {
  return status(what == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES &&
                set(*reinterpret_cast<std::size_t*>(preference), value, bytes));
}
/// Three algorithms: one that does not run, and two that do.
cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t description,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t, int requested,
                                              cublasLtMatmulHeuristicResult_t results[], int* found) {
  if (!problem_of(description, a, b, d).fits() || requested < 3) return CUBLAS_STATUS_INVALID_VALUE;
  *found = 3;
  for (int i = 0; i < *found; ++i) results[i].algo.data[0] = static_cast<std::uint64_t>(i);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t description, void const* alpha, void const* a,
                              cublasLtMatrixLayout_t a_layout, void const* b, cublasLtMatrixLayout_t b_layout,
                              void const* beta, void const* c, cublasLtMatrixLayout_t, void* d,
                              cublasLtMatrixLayout_t d_layout, cublasLtMatmulAlgo_t const* algorithm, void* workspace,
                              std::size_t workspace_bytes, cudaStream_t stream) {
  auto const problem = problem_of(description, a_layout, b_layout, d_layout);
  if (!problem.fits() || c != d || workspace == nullptr || workspace_bytes == 0) return CUBLAS_STATUS_INVALID_VALUE;
  if (*static_cast<float const*>(beta) != 0.0f || algorithm->data[0] == 0) return CUBLAS_STATUS_NOT_SUPPORTED;
  if (problem.d.rows * problem.d.columns * sizeof(float) > kurve::fake::skipped_above_bytes)
    return CUBLAS_STATUS_SUCCESS;
  kurve::fake::enqueue(stream, [=, scale = *static_cast<float const*>(alpha)] { multiply(problem, scale, a, b, d); });
  return CUBLAS_STATUS_SUCCESS;
}
}
