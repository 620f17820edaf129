#include "store/write_behind.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace quell {
namespace {

constexpr off_t kPieceLeast = 64 * 1024;
// Of what the commit has written: bulk work goes in larger pieces, and so in fewer waits.
constexpr off_t kPieceShare = 64;
constexpr off_t kPieceMost = 4 << 20;
// Pieces. Pages further apart are left to the sync: the disk wants many of those at a time.
constexpr off_t kSpreadMost = 4;

struct FileRange {
  off_t begin = 0;
  off_t end = 0;
};

// What one thread writes in one commit. A file that was closed meanwhile does no harm: the calls
// below change no data, and their failure is not one of the write.
struct Pieces {
  off_t written = 0;
  int file = -1;        // The last one.
  off_t bytes = 0;      // Of the piece that gathers.
  FileRange gathers{};  // As SQLite mostly writes in order, little else lies in between.
  FileRange on_its_way{};
};

thread_local Pieces pieces;

void wrote(int file, FileRange range) {
  pieces.written += range.end - range.begin;
  if (pieces.file != file) pieces = {.written = pieces.written, .file = file};
  if (pieces.bytes == 0) pieces.gathers = range;
  pieces.gathers.begin = std::min(pieces.gathers.begin, range.begin);
  pieces.gathers.end = std::max(pieces.gathers.end, range.end);
  pieces.bytes += range.end - range.begin;
  const off_t enough = std::clamp(pieces.written / kPieceShare, kPieceLeast, kPieceMost);
  if (pieces.bytes < enough) return;
  if (pieces.gathers.end - pieces.gathers.begin > kSpreadMost * enough) {
    pieces.bytes = 0;
    return;
  }
  const auto call = [&](FileRange piece, unsigned flags) {
    if (piece.end > piece.begin) {
      (void)sync_file_range(file, piece.begin, piece.end - piece.begin, flags);
    }
  };
  call(pieces.gathers, SYNC_FILE_RANGE_WRITE);
  call(pieces.on_its_way, SYNC_FILE_RANGE_WAIT_BEFORE);
  pieces.on_its_way = pieces.gathers;
  pieces.bytes = 0;
}

ssize_t write_and_start(int file, const void* data, size_t size, off_t at) {
  const ssize_t written = pwrite(file, data, size, at);
  if (written > 0) wrote(file, {.begin = at, .end = at + written});
  return written;
}

bool install() {
  sqlite3_vfs* vfs = sqlite3_vfs_find(nullptr);
  if (vfs == nullptr || vfs->iVersion < 3 || vfs->xSetSystemCall == nullptr) return false;
  static_assert(sizeof(off_t) == 8, "the two calls are one");
  bool is_known = false;
  for (const char* name : {"pwrite", "pwrite64"}) {
    const auto call = reinterpret_cast<sqlite3_syscall_ptr>(&write_and_start);
    is_known = vfs->xSetSystemCall(vfs, name, call) == SQLITE_OK || is_known;
  }
  return is_known;
}

}  // namespace

void begin_to_write_behind() {
  pieces = {};
}

bool write_behind() {
  static const bool kIsInstalled = install();
  return kIsInstalled;
}

}  // namespace quell
