// WriteRequestBuilder: samples that Quell fetched itself, as a remote write request, so that they
// go into the journal in the form that others send.
#pragma once

#include <cstdint>
#include <string>

#include "model/frame.h"
#include "model/series.h"
#include "wire/exposition.h"

namespace quell {

// Thread: one. Memory: the unpacked request.
class WriteRequestBuilder {
 public:
  void add_sample(const SeriesLabels& labels, std::int64_t time_ms, double value);
  // The samples of one series: begin_series(), points, end_series().
  void begin_series(const SeriesLabels& labels) { series_ = labels.bytes(); }
  void add_point(std::int64_t time_ms, double value);
  void end_series();
  void add_metadata(const FamilyMetadata& metadata);

  bool empty() const { return body_.empty(); }
  // The frame of an Ingest of remote write 1.0, packed; `source` is who is named as its source.
  Frame frame(std::string_view source, std::string_view tenant) const;

 private:
  std::string body_;
  std::string series_;
};

}  // namespace quell
