// Reads Server-Sent Events from text as it arrives.
//
// Method: "Interpreting an event stream" of the HTML standard (WHATWG).
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace quell::fetch {

struct ServerEvent {
  std::string id;  // Of this event, or the last one before it that had one.
  std::string event = "message";
  std::string data;
};

class EventStreamReader {
 public:
  // Calls `on_event` for every event that `bytes` completes, until it returns false.
  // Returns: whether it never did.
  bool read(std::string_view bytes, const std::function<bool(const ServerEvent&)>& on_event);

 private:
  bool take_line(std::string_view line, const std::function<bool(const ServerEvent&)>& on_event);
  void take_field(std::string_view name, std::string_view value);

  std::string line_;  // What has no end yet.
  bool first_line_ = true;
  bool after_cr_ = false;  // A LF that follows belongs to the line end before it.
  bool has_data_ = false;
  ServerEvent event_{};
};

}  // namespace quell::fetch
