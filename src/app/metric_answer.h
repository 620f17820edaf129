// What a sender of metrics is told, once its samples were taken or refused.
#pragma once

#include <cstdint>
#include <vector>

#include "app/decoders.h"
#include "model/event.h"
#include "stream/series_table.h"
#include "wire/reply.h"

namespace quell {

// `taken` counts the samples that were kept, `refused` what the series table did not take,
// `reasons` are those of the decoder and of the table. Requires: a protocol.
WireReply metric_answer(const DecodedFrame& decoded, std::uint64_t taken,
                        const SeriesRefusals& refused, const std::vector<Rejected>& reasons);

}  // namespace quell
