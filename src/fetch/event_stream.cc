#include "fetch/event_stream.h"

namespace quell::fetch {

bool EventStreamReader::read(std::string_view bytes,
                             const std::function<bool(const ServerEvent&)>& on_event) {
  while (!bytes.empty()) {
    if (after_cr_ && bytes[0] == '\n') {
      after_cr_ = false;
      bytes.remove_prefix(1);
      continue;
    }
    after_cr_ = false;
    const std::size_t end = bytes.find_first_of("\r\n");
    line_ += bytes.substr(0, end);
    if (end == std::string_view::npos) return true;
    after_cr_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    const bool more = take_line(line_, on_event);
    line_.clear();
    if (!more) return false;
  }
  return true;
}

bool EventStreamReader::take_line(std::string_view line,
                                  const std::function<bool(const ServerEvent&)>& on_event) {
  if (first_line_ && line.starts_with("\xef\xbb\xbf")) line.remove_prefix(3);
  first_line_ = false;
  if (!line.empty()) {
    const std::size_t colon = line.find(':');
    std::string_view value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    take_field(line.substr(0, colon), value);
    return true;
  }
  const bool complete = has_data_;
  has_data_ = false;
  ServerEvent event{.id = event_.id, .event = std::move(event_.event), .data = {}};
  std::swap(event.data, event_.data);
  event_.event = "message";
  return !complete || on_event(event);
}

void EventStreamReader::take_field(std::string_view name, std::string_view value) {
  if (name == "data") {
    if (has_data_) event_.data += '\n';
    event_.data += value;
    has_data_ = true;
  } else if (name == "event") {
    event_.event = value.empty() ? "message" : value;
  } else if (name == "id" && value.find('\0') == std::string_view::npos) {
    event_.id = value;
  }
}

}  // namespace quell::fetch
