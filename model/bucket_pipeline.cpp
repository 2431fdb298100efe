// SPDX-License-Identifier: Apache-2.0
#include "model/bucket_pipeline.hpp"

#include <cmath>

#include "model/contract.hpp"

namespace kurve::model {

Buckets buckets_of_size(double bytes, double first, double each) {
  KURVE_EXPECT(each > 0.0);
  double const first_bytes = std::min(bytes, first > 0.0 ? first : each);
  double const others = std::ceil((bytes - first_bytes) / each);
  if (others == 0.0) return {1.0, bytes, bytes, bytes};
  return {1.0 + others, first_bytes, each, bytes - first_bytes - (others - 1.0) * each};
}

Buckets buckets_of_count(double bytes, double first, double count) {
  KURVE_EXPECT(count >= 1.0);
  if (count == 1.0 || first <= 0.0) return {count, bytes / count, bytes / count, bytes / count};
  double const others = std::max(1.0, std::round(count) - 1.0), each = (bytes - first) / others;
  if (each <= 0.0) return {1.0, bytes, bytes, bytes};
  return {1.0 + others, first, each, each};
}

BucketPipeline BucketPipeline::of(Buckets const& b, double first_s, double middle_s, double last_s,
                                  double backward_share) {
  BucketPipeline pipeline;
  if (b.alike()) {
    pipeline.total_s = b.count * first_s;
    pipeline.candidates[0] = {backward_share - backward_share / b.count, pipeline.total_s};
    pipeline.candidates[1] = {0.0, first_s};
    pipeline.count = pipeline.candidates[0].hidden_share > 0.0 ? 2 : 1;
    return pipeline;
  }
  double const middle = b.count - 2.0, others_s = middle * middle_s + last_s;
  double const others_bytes = middle * b.middle_bytes + b.last_bytes, bytes = b.first_bytes + others_bytes;
  pipeline.total_s = first_s + others_s;
  pipeline.count = 0;
  auto const add = [&](double bytes_to_come, double left_s) {
    double const hidden_share = backward_share * bytes_to_come / bytes;
    // Ready no later than the one before, with less to do: it never decides.
    if (pipeline.count > 0 &&
        hidden_share >= pipeline.candidates[static_cast<std::size_t>(pipeline.count) - 1].hidden_share)
      return;
    pipeline.candidates[static_cast<std::size_t>(pipeline.count++)] = {hidden_share, left_s};
  };
  add(others_bytes, pipeline.total_s);
  if (middle > 0.0) add(others_bytes - b.middle_bytes, others_s);
  if (middle > 0.0) add(b.last_bytes, middle_s + last_s);
  add(0.0, last_s);
  return pipeline;
}

BucketPipeline BucketPipeline::stretched(double factor) const {
  BucketPipeline longer = *this;
  longer.total_s *= factor;
  for (auto& c : longer.candidates) c.left_s *= factor;
  return longer;
}

}  // namespace kurve::model
