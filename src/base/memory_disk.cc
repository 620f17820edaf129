#include "base/memory_disk.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/guarded.h"
#include "base/prng.h"

namespace quell {
namespace memory_disk {  // Named, because the fields of a class have these types.

// A write of `bytes` at `offset`, or, without bytes, a new size.
struct Change {
  std::uint64_t offset = 0;
  std::string bytes{};
  bool is_resize = false;
};

struct Inode {
  std::string visible;  // What a reader sees: the page cache.
  std::string durable;  // What is on the platter.
  std::vector<Change> unsynced;
};

using Names = std::map<std::string, std::shared_ptr<Inode>>;

void put(std::string& content, std::uint64_t offset, std::string_view bytes) {
  if (bytes.empty()) return;
  if (content.size() < offset + bytes.size()) content.resize(offset + bytes.size(), '\0');
  std::memcpy(content.data() + offset, bytes.data(), bytes.size());
}

void apply(std::string& content, const Change& change) {
  if (change.is_resize) {
    content.resize(change.offset, '\0');
  } else {
    put(content, change.offset, change.bytes);
  }
}

// Calls f(offset, bytes) for each piece of a write that lies within one sector.
template <class F>
void for_each_sector(const Change& change, F&& f) {
  std::string_view rest = change.bytes;
  std::uint64_t offset = change.offset;
  while (!rest.empty()) {
    const std::size_t room = MemoryDisk::kSectorBytes - offset % MemoryDisk::kSectorBytes;
    const std::string_view piece = rest.substr(0, room);
    f(offset, piece);
    offset += piece.size();
    rest.remove_prefix(piece.size());
  }
}

// Applies a change that was not synced as a power failure would: whole, not at all, its first
// sectors, or some of its sectors.
void apply_by_chance(std::string& content, const Change& change, Prng& prng) {
  const std::uint64_t fate = prng.below(4);
  if (fate == 0 || (change.is_resize && fate == 2)) apply(content, change);
  if (change.is_resize || fate == 0) return;
  const std::size_t before = content.size();
  bool cut = false;
  for_each_sector(change, [&](std::uint64_t offset, std::string_view piece) {
    cut = cut || prng.chance(25);
    const bool kept = fate == 1 ? false : fate == 2 ? !cut : prng.chance(50);
    if (kept) put(content, offset, piece);
  });
  // The size may become durable without the bytes.
  const std::size_t end = change.offset + change.bytes.size();
  if (before < end && prng.chance(50)) content.resize(std::max(content.size(), end), '\0');
}

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

}  // namespace memory_disk

struct MemoryDisk::World {
  struct State {
    explicit State(std::uint64_t seed) : prng(seed) {}

    Prng prng;
    memory_disk::Names visible;
    memory_disk::Names durable;
    // What each name has stood for since its directory was last synced; null: nothing.
    std::map<std::string, std::vector<std::shared_ptr<memory_disk::Inode>>> unsynced;
    std::set<std::string> directories{""};
    std::set<std::string> locks;
    std::uint64_t generation = 0;  // Counts kills and crashes; older handles are dead.
    std::uint64_t capacity = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t fail_in = 0;  // 0: never.
    Errc fail_code = Errc::Unavailable;
    bool fails_by_kill = false;
    bool has_failed = false;
    bool ignores_syncs = false;

    std::uint64_t used() const {
      std::uint64_t sum = 0;
      for (const auto& [path, inode] : visible) sum += inode->visible.size();
      return sum;
    }

    // Counts one changing operation; returns the error when it is the one to fail.
    std::optional<Error> next_fails(std::string_view doing, const std::string& path) {
      if (fail_in == 0 || --fail_in > 0) return std::nullopt;
      has_failed = true;
      if (fails_by_kill) stop();
      return Error{fail_code, fmt::format("cannot {} {}: injected failure", doing, path)};
    }

    void stop() {
      ++generation;
      locks.clear();
      fail_in = 0;
    }

    // How many of `wanted` more bytes the disk has room for.
    std::uint64_t room_for(std::uint64_t wanted) const {
      const std::uint64_t now = used();
      return now >= capacity ? 0 : std::min(wanted, capacity - now);
    }

    // In the order of names: that of pointers differs between runs.
    std::vector<std::shared_ptr<memory_disk::Inode>> inodes() const {
      std::vector<std::shared_ptr<memory_disk::Inode>> all;
      const auto add = [&](const std::shared_ptr<memory_disk::Inode>& inode) {
        if (inode && std::find(all.begin(), all.end(), inode) == all.end()) all.push_back(inode);
      };
      for (const auto& [path, inode] : visible) add(inode);
      for (const auto& [path, inode] : durable) add(inode);
      for (const auto& [path, states] : unsynced) std::for_each(states.begin(), states.end(), add);
      return all;
    }
  };

  explicit World(std::uint64_t seed) : state(seed) {}

  Guarded<State> state;
};

namespace {

std::unexpected<Error> full(std::string_view doing, const std::string& path) {
  return fail(Errc::Exhausted, fmt::format("cannot {} {}: No space left on device", doing, path));
}

}  // namespace

class MemoryDisk::MemoryFile final : public File {
 public:
  MemoryFile(std::shared_ptr<World> world, std::shared_ptr<memory_disk::Inode> inode,
             std::string path, std::uint64_t generation)
      : world_(std::move(world)),
        inode_(std::move(inode)),
        path_(std::move(path)),
        generation_(generation) {}

  Status write(std::uint64_t offset, std::string_view bytes) override {
    return with_live<Status>("write to", [&](World::State& state) -> Status {
      const auto failure = state.next_fails("write to", path_);
      if (failure) bytes = bytes.substr(0, state.prng.below(bytes.size() + 1));
      const std::uint64_t end = offset + bytes.size();
      const std::uint64_t size = inode_->visible.size();
      const std::uint64_t growth = end > size ? end - size : 0;
      const std::uint64_t room = state.room_for(growth);
      const bool is_full = room < growth;
      if (is_full) bytes.remove_suffix(std::min<std::uint64_t>(bytes.size(), growth - room));
      memory_disk::put(inode_->visible, offset, bytes);
      inode_->unsynced.push_back({offset, std::string(bytes)});
      if (failure) return std::unexpected(*failure);
      if (is_full) return full("write to", path_);
      return {};
    });
  }

  Status sync() override {
    return with_live<Status>("sync", [&](World::State& state) -> Status {
      const auto failure = state.next_fails("sync", path_);
      if (state.ignores_syncs && !failure) return {};
      for (const memory_disk::Change& change : inode_->unsynced) {
        if (failure) {
          memory_disk::apply_by_chance(inode_->durable, change, state.prng);
        } else {
          memory_disk::apply(inode_->durable, change);
        }
      }
      inode_->unsynced.clear();
      if (failure) return std::unexpected(*failure);
      return {};
    });
  }

  Result<std::size_t> read(std::uint64_t offset, std::span<char> into) const override {
    return with_live<Result<std::size_t>>("read", [&](World::State&) -> Result<std::size_t> {
      const std::string& content = inode_->visible;
      if (offset >= content.size()) return std::size_t{0};
      const std::size_t n = std::min<std::size_t>(into.size(), content.size() - offset);
      std::memcpy(into.data(), content.data() + offset, n);
      return n;
    });
  }

  Result<std::uint64_t> size() const override {
    return with_live<Result<std::uint64_t>>(
        "read the size of",
        [&](World::State&) -> Result<std::uint64_t> { return inode_->visible.size(); });
  }

  Status truncate(std::uint64_t size) override {
    return with_live<Status>("truncate", [&](World::State& state) -> Status {
      if (const auto failure = state.next_fails("truncate", path_)) {
        return std::unexpected(*failure);
      }
      resize(size);
      return {};
    });
  }

  Status allocate(std::uint64_t size) override {
    return with_live<Status>("reserve space for", [&](World::State& state) -> Status {
      if (const auto failure = state.next_fails("reserve space for", path_)) {
        return std::unexpected(*failure);
      }
      const std::uint64_t before = inode_->visible.size();
      if (size <= before) return {};
      const std::uint64_t room = state.room_for(size - before);
      resize(before + room);
      if (before + room < size) return full("reserve space for", path_);
      return {};
    });
  }

 private:
  template <class R, class F>
  R with_live(std::string_view doing, F&& f) const {
    return world_->state.with([&](World::State& state) -> R {
      if (state.generation != generation_) {
        return fail(Errc::Unavailable, fmt::format("cannot {} {}: stopped", doing, path_));
      }
      return f(state);
    });
  }

  void resize(std::uint64_t size) {
    inode_->visible.resize(size, '\0');
    inode_->unsynced.push_back({size, {}, true});
  }

  const std::shared_ptr<World> world_;
  const std::shared_ptr<memory_disk::Inode> inode_;
  const std::string path_;
  const std::uint64_t generation_;
};

class MemoryDisk::MemoryLock final : public DiskLock {
 public:
  MemoryLock(std::shared_ptr<World> world, std::string path, std::uint64_t generation)
      : world_(std::move(world)), path_(std::move(path)), generation_(generation) {}
  ~MemoryLock() override {
    world_->state.with([&](World::State& state) {
      if (state.generation == generation_) state.locks.erase(path_);
    });
  }

 private:
  const std::shared_ptr<World> world_;
  const std::string path_;
  const std::uint64_t generation_;
};

MemoryDisk::MemoryDisk(std::uint64_t seed) : world_(std::make_shared<World>(seed)) {}
MemoryDisk::~MemoryDisk() = default;

Result<std::unique_ptr<File>> MemoryDisk::open(const std::string& path) {
  return world_->state.with([&](World::State& state) -> Result<std::unique_ptr<File>> {
    const auto it = state.visible.find(path);
    if (it == state.visible.end()) {
      return fail(Errc::NotFound, fmt::format("cannot open {}: No such file or directory", path));
    }
    return std::make_unique<MemoryFile>(world_, it->second, path, state.generation);
  });
}

Result<std::unique_ptr<File>> MemoryDisk::create(const std::string& path) {
  return world_->state.with([&](World::State& state) -> Result<std::unique_ptr<File>> {
    if (!state.directories.contains(memory_disk::directory_of(path))) {
      return fail(Errc::NotFound, fmt::format("cannot open {}: No such file or directory", path));
    }
    auto& inode = state.visible[path];
    if (!inode) {
      if (auto failure = state.next_fails("open", path)) {
        state.visible.erase(path);
        return std::unexpected(*std::move(failure));
      }
      inode = std::make_shared<memory_disk::Inode>();
      state.unsynced[path].push_back(inode);
    }
    return std::make_unique<MemoryFile>(world_, inode, path, state.generation);
  });
}

Status MemoryDisk::create_directory(const std::string& directory) {
  world_->state.with([&](World::State& state) {
    for (std::string d = directory; !d.empty(); d = memory_disk::directory_of(d))
      state.directories.insert(d);
  });
  return {};
}

Result<std::vector<std::string>> MemoryDisk::list(const std::string& directory) const {
  return world_->state.with([&](World::State& state) -> Result<std::vector<std::string>> {
    if (!state.directories.contains(directory)) {
      return fail(Errc::NotFound,
                  fmt::format("cannot list {}: No such file or directory", directory));
    }
    std::vector<std::string> names;
    for (const auto& [path, inode] : state.visible) {
      if (memory_disk::directory_of(path) == directory) {
        names.push_back(directory.empty() ? path : path.substr(directory.size() + 1));
      }
    }
    return names;
  });
}

Status MemoryDisk::remove(const std::string& path) {
  return world_->state.with([&](World::State& state) -> Status {
    if (auto failure = state.next_fails("remove", path)) {
      return std::unexpected(*std::move(failure));
    }
    if (state.visible.erase(path) == 0) {
      return fail(Errc::NotFound, fmt::format("cannot remove {}: No such file or directory", path));
    }
    state.unsynced[path].push_back(nullptr);
    return {};
  });
}

Status MemoryDisk::sync_directory(const std::string& directory) {
  return world_->state.with([&](World::State& state) -> Status {
    if (auto failure = state.next_fails("sync the directory", directory)) {
      return std::unexpected(*std::move(failure));
    }
    const auto is_here = [&](const auto& entry) {
      return memory_disk::directory_of(entry.first) == directory;
    };
    std::erase_if(state.durable, is_here);
    std::erase_if(state.unsynced, is_here);
    for (const auto& [path, inode] : state.visible) {
      if (memory_disk::directory_of(path) == directory) state.durable[path] = inode;
    }
    return {};
  });
}

Result<std::unique_ptr<DiskLock>> MemoryDisk::lock(const std::string& path) {
  return world_->state.with([&](World::State& state) -> Result<std::unique_ptr<DiskLock>> {
    if (!state.locks.insert(path).second) {
      return fail(Errc::Conflict, fmt::format("{} is held by another process", path));
    }
    return std::make_unique<MemoryLock>(world_, path, state.generation);
  });
}

void MemoryDisk::fail_operation(std::uint64_t n, Errc code) {
  world_->state.with([&](World::State& state) {
    state.fail_in = n;
    state.fail_code = code;
    state.fails_by_kill = false;
    state.has_failed = false;
  });
}

void MemoryDisk::kill_at_operation(std::uint64_t n) {
  fail_operation(n);
  world_->state.with([](World::State& state) { state.fails_by_kill = true; });
}

void MemoryDisk::ignore_syncs() {
  world_->state.with([](World::State& state) { state.ignores_syncs = true; });
}

bool MemoryDisk::has_failed() const {
  return world_->state.with([](World::State& state) { return state.has_failed; });
}

void MemoryDisk::set_capacity(std::uint64_t bytes) {
  world_->state.with([&](World::State& state) { state.capacity = bytes; });
}

std::uint64_t MemoryDisk::used_bytes() const {
  return world_->state.with([](World::State& state) { return state.used(); });
}

void MemoryDisk::kill() {
  world_->state.with([](World::State& state) { state.stop(); });
}

void MemoryDisk::crash() {
  kill();
  world_->state.with([](World::State& state) {
    for (const auto& inode : state.inodes()) {
      for (const memory_disk::Change& change : inode->unsynced) {
        memory_disk::apply_by_chance(inode->durable, change, state.prng);
      }
      inode->unsynced.clear();
      inode->visible = inode->durable;
    }
    for (const auto& [path, states] : state.unsynced) {
      const std::uint64_t fate = state.prng.below(states.size() + 1);
      if (fate == states.size()) continue;  // What the last sync of the directory knew.
      if (states[fate]) {
        state.durable[path] = states[fate];
      } else {
        state.durable.erase(path);
      }
    }
    state.unsynced.clear();
    state.visible = state.durable;
  });
}

std::string MemoryDisk::content(const std::string& path) const {
  return world_->state.with([&](World::State& state) {
    const auto it = state.visible.find(path);
    return it == state.visible.end() ? std::string() : it->second->visible;
  });
}

void MemoryDisk::damage(const std::string& path, std::uint64_t offset, std::string_view bytes) {
  world_->state.with([&](World::State& state) {
    const auto it = state.visible.find(path);
    QUELL_ASSERT(it != state.visible.end(), "only a file that exists can be damaged");
    memory_disk::put(it->second->visible, offset, bytes);
    memory_disk::put(it->second->durable, offset, bytes);
  });
}

}  // namespace quell
