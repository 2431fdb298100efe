// SPDX-License-Identifier: Apache-2.0
// Kernels and matrix products against the host's plain loops.
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "calibrate/cublas_lt.hpp"
#include "calibrate/cuda_kernels.hpp"
#include "calibrate/cuda_raii.hpp"

using namespace kurve::calibrate;
using namespace kurve::calibrate::cuda;

namespace {

DeviceMemory on_device(std::vector<float> const& values) {
  DeviceMemory memory(values.size() * sizeof(float));
  check(cudaMemcpy(memory.data(), values.data(), memory.bytes(), cudaMemcpyHostToDevice), "cudaMemcpy");
  return memory;
}
std::vector<float> on_host(DeviceMemory const& memory, std::size_t elements) {
  std::vector<float> values(elements);
  check(cudaMemcpy(values.data(), memory.data(), elements * sizeof(float), cudaMemcpyDeviceToHost), "cudaMemcpy");
  return values;
}
std::vector<float> numbers(std::size_t elements, std::uint64_t seed) {
  std::vector<float> values(elements);
  for (std::size_t i = 0; i < elements; ++i) values[i] = filling_value(seed, i);
  return values;
}

}  // namespace

TEST_SUITE_BEGIN("gpu");

TEST_CASE("filling and passing: the device writes what the host computes to the last element") {
  Stream const stream;
  for (std::int64_t const n : {1, 3, 4, 1000, 1003}) {
    CAPTURE(n);
    auto const size = static_cast<std::size_t>(n);
    DeviceMemory const filled(size * sizeof(float));
    fill(filled.data(), n, NumberFormat::fp32, 5, stream.get());
    check(cudaStreamSynchronize(stream.get()), "fill");
    CHECK(on_host(filled, size) == numbers(size, 5));
    auto const a = numbers(size, 1), b = numbers(size, 2), c = numbers(size, 3);
    auto const da = on_device(a), db = on_device(b), dc = on_device(c);
    DeviceMemory const out(size * sizeof(float));
    pass(out.data(), {da.data(), db.data(), dc.data()}, 3, n, NumberFormat::fp32, stream.get());
    check(cudaStreamSynchronize(stream.get()), "pass");
    auto const got = on_host(out, size);
    for (std::size_t i = 0; i < size; ++i) CHECK(got[i] == doctest::Approx(passed_value(a[i] + b[i] + c[i], 3)));
  }
}

TEST_CASE("Adam: the device updates as the host does") {
  constexpr std::size_t n = 512;
  Stream const stream;
  auto const gradient = numbers(n, 1);
  auto parameter = numbers(n, 2);
  std::vector<float> first(n, 0.1f), second(n, 0.2f);
  auto const dg = on_device(gradient), dp = on_device(parameter), dm = on_device(first), dv = on_device(second);
  DeviceMemory const working(n * sizeof(float));
  auto const step = adam_step(3, 0.5f);
  adam(step, dg.data(), static_cast<float*>(dp.data()), static_cast<float*>(dm.data()), static_cast<float*>(dv.data()),
       working.data(), n, NumberFormat::fp32, stream.get());
  check(cudaStreamSynchronize(stream.get()), "adam");
  auto const got = on_host(dp, n), copy = on_host(working, n);
  for (std::size_t i = 0; i < n; ++i) {
    adam_update(step, gradient[i], parameter[i], first[i], second[i]);
    // A few float operations, contracted or not: some units in the last place of a number of order 1.
    CHECK(std::abs(got[i] - parameter[i]) <= 1e-6f);
    CHECK(copy[i] == got[i]);
  }
}

TEST_CASE("verification: right sums pass and one wrong element is counted") {
  constexpr std::size_t n = 100'003;
  Stream const stream;
  std::vector<float> sums(n);
  for (std::size_t i = 0; i < n; ++i) sums[i] = verification_sum(i, 5);
  sums[n - 1] += 1.0f;
  auto const device = on_device(sums);
  DeviceMemory const wrong(sizeof(unsigned long long));
  check(cudaMemset(wrong.data(), 0, wrong.bytes()), "cudaMemset");
  count_wrong(static_cast<float*>(device.data()), n, 5, static_cast<unsigned long long*>(wrong.data()), stream.get());
  check(cudaStreamSynchronize(stream.get()), "count_wrong");
  unsigned long long count = 0;
  check(cudaMemcpy(&count, wrong.data(), sizeof count, cudaMemcpyDeviceToHost), "cudaMemcpy");
  CHECK(count == 1);
}

TEST_CASE("matrix products: every transposition and batch is the plain loop's") {
  Stream const stream;
  MatrixLibrary library(NumberFormat::fp32);
  for (bool const transpose_a : {false, true})
    for (bool const transpose_b : {false, true}) {
      MatrixProduct const p{
          .m = 24, .n = 40, .k = 16, .batch = 3, .transpose_a = transpose_a, .transpose_b = transpose_b, .scale = 0.25};
      auto const a = numbers(static_cast<std::size_t>(p.batch * p.m * p.k), 1);
      auto const b = numbers(static_cast<std::size_t>(p.batch * p.k * p.n), 2);
      auto const da = on_device(a), db = on_device(b);
      DeviceMemory const out(static_cast<std::size_t>(p.batch * p.m * p.n) * sizeof(float));
      library.prepare(p, da.data(), db.data(), out.data(), stream.get());
      library.multiply(p, da.data(), db.data(), out.data(), stream.get());
      check(cudaStreamSynchronize(stream.get()), "multiply");
      auto const got = on_host(out, static_cast<std::size_t>(p.batch * p.m * p.n));
      for (std::int64_t batch = 0; batch < p.batch; ++batch)
        for (std::int64_t i = 0; i < p.m; ++i)
          for (std::int64_t j = 0; j < p.n; ++j) {
            double sum = 0.0;
            for (std::int64_t l = 0; l < p.k; ++l)
              sum += static_cast<double>(
                         a[static_cast<std::size_t>(batch * p.m * p.k + (transpose_a ? l * p.m + i : i * p.k + l))]) *
                     static_cast<double>(
                         b[static_cast<std::size_t>(batch * p.k * p.n + (transpose_b ? j * p.k + l : l * p.n + j))]);
            // 16 products of order 1, each rounded to float: 16 * 3 * 6e-8.
            CHECK(std::abs(static_cast<double>(got[static_cast<std::size_t>(batch * p.m * p.n + i * p.n + j)]) -
                           0.25 * sum) <= 3e-6);
          }
    }
}

TEST_SUITE_END();
