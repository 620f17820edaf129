// Sample files of the tests: providers/samples/<pack>/<case>.json with what belongs to them.
#pragma once

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "model/frame.h"
#include "normalize/check_pack.h"

namespace quell {

inline std::string read_test_file(const std::filesystem::path& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                             &std::fclose);
  std::string text;
  if (!file) return text;
  char buffer[4096];
  for (std::size_t n; (n = std::fread(buffer, 1, sizeof buffer, file.get())) > 0;) {
    text.append(buffer, n);
  }
  return text;
}

inline void write_test_file(const std::filesystem::path& path, std::string_view text) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "wb"),
                                                             &std::fclose);
  if (file) std::fwrite(text.data(), 1, text.size(), file.get());
}

struct SampleFile {
  std::string pack{};
  std::filesystem::path body{};  // <case>.json, .ndjson, .form or .multipart

  std::filesystem::path beside(std::string_view extension) const {
    return std::filesystem::path(body).replace_extension(extension);
  }
};

inline std::filesystem::path providers_directory() {
  return std::filesystem::path(QUELL_SOURCE_DIR) / "providers";
}

inline std::vector<SampleFile> all_samples() {
  std::vector<SampleFile> samples;
  const auto root = providers_directory() / "samples";
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    const auto& path = entry.path();
    const auto extension = path.extension();
    const bool body = extension == ".json" || extension == ".ndjson" || extension == ".form" ||
                      extension == ".multipart";
    if (!entry.is_regular_file() || !body || path.stem().extension() == ".expected") continue;
    samples.push_back({path.parent_path().filename().string(), path});
  }
  std::ranges::sort(samples, {}, &SampleFile::body);
  return samples;
}

// The frame as it would stand in the journal.
inline Frame sample_frame(const SampleFile& sample) {
  Frame frame{.arrived_at = *parse_rfc3339("2026-11-21T08:30:00Z"),
              .source = "pack/" + sample.pack};
  frame.headers = parse_header_lines(read_test_file(sample.beside(".headers")), "headers").value();
  frame.content_type = frame.header("content-type");
  if (frame.content_type.empty()) {
    frame.content_type = sample.body.extension() == ".form" ? "application/x-www-form-urlencoded"
                                                            : "application/json";
  }
  frame.body = read_test_file(sample.body);
  return frame;
}

inline Frame sample_frame(std::string_view pack, std::string_view name) {
  return sample_frame({std::string(pack), providers_directory() / "samples" / pack / name});
}

}  // namespace quell
