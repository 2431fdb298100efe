// SPDX-License-Identifier: Apache-2.0
#include "calibrate/gradient_buckets.hpp"

#include "model/contract.hpp"

namespace kurve::calibrate {

std::vector<Bucket> gradient_buckets(std::span<std::int64_t const> tensor_elements, int bytes_per_element) {
  constexpr std::int64_t first_limit = std::int64_t{1} << 20, other_limit = std::int64_t{25} << 20;
  KURVE_EXPECT(!tensor_elements.empty() && bytes_per_element >= 1);
  std::vector<Bucket> buckets;
  Bucket open;
  for (std::size_t i = 0; i < tensor_elements.size(); ++i) {
    open.elements += tensor_elements[i];
    open.last_tensor = static_cast<int>(i);
    bool const full = open.elements * bytes_per_element >= (buckets.empty() ? first_limit : other_limit);
    if (!full && i + 1 < tensor_elements.size()) continue;
    buckets.push_back(open);
    open = {.first = open.first + open.elements};
  }
  return buckets;
}

}  // namespace kurve::calibrate
