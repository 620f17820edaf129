#include "http/worker.h"

#include <algorithm>

#include "http/message.h"

namespace quell::http {
namespace {

using std::chrono::milliseconds;

// Timeouts are kept to within a quarter of the shortest.
Duration tick_length(const ServerOptions& options) {
  const Duration shortest =
      std::min({options.header_timeout, options.body_timeout, options.idle_timeout,
                options.linger_timeout, options.stream_keepalive});
  return std::clamp<Duration>(shortest / 4, milliseconds(5), std::chrono::seconds(1));
}

}  // namespace

Worker::Worker(std::shared_ptr<ServerContext> context)
    : context_(std::move(context)),
      tick_(tick_length(context_->options)),
      work_(io_.get_executor()),
      tick_timer_(io_),
      grace_timer_(io_),
      date_(format_http_date(context_->clock->now())) {}

void Worker::run() {
  wait_for_tick();
  io_.run();
}

void Worker::post(Command command) {
  // A handler that answers at once saves the detour. Any other command takes it even from this
  // thread: flush() may call the handler, which may hold a lock while it sends.
  if (io_.get_executor().running_in_this_thread()) {
    const auto peer = find(command.id);
    if (!peer) return;
    if (peer->in_handler()) return peer->take(std::move(command));
  }
  const bool first = inbox_.with([&](Inbox& inbox) {
    if (inbox.closed) return false;
    inbox.commands.push_back(std::move(command));
    return inbox.commands.size() == 1;
  });
  // The worker takes all commands at once, so only the first of a batch has to wake it.
  if (first) boost::asio::post(io_, [self = shared_from_this()] { self->deliver_inbox(); });
}

void Worker::deliver_inbox() {
  inbox_.with([&](Inbox& inbox) { std::swap(inbox.commands, delivering_); });
  for (std::size_t i = 0; i < delivering_.size(); ++i) {
    const ConnectionId id = delivering_[i].id;
    const auto peer = find(id);
    if (!peer) continue;
    peer->take(std::move(delivering_[i]));
    // Several for one connection in a row are written at once.
    if (i + 1 == delivering_.size() || delivering_[i + 1].id != id) peer->flush();
  }
  delivering_.clear();
}

std::shared_ptr<Peer> Worker::find(ConnectionId id) const {
  const auto index = static_cast<std::uint32_t>(id);
  if (index >= entries_.size() || entries_[index].generation != id >> 32) return nullptr;
  return entries_[index].peer;
}

ConnectionId Worker::add(std::shared_ptr<Peer> peer) {
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(entries_.size()));
    entries_.emplace_back();
  }
  const std::uint32_t index = free_.back();
  free_.pop_back();
  entries_[index].peer = std::move(peer);
  ++open_;
  return std::uint64_t{entries_[index].generation} << 32 | index;
}

void Worker::replace(ConnectionId id, std::shared_ptr<Peer> peer) {
  QUELL_ASSERT(find(id) != nullptr, "the connection is there");
  entries_[static_cast<std::uint32_t>(id)].peer = std::move(peer);
}

void Worker::remove(ConnectionId id) {
  if (find(id) == nullptr) return;
  const auto index = static_cast<std::uint32_t>(id);
  entries_[index].peer = nullptr;
  ++entries_[index].generation;
  free_.push_back(index);
  --open_;
  context_->counters.connections_open.fetch_sub(1, std::memory_order_relaxed);
  finish_if_drained();
}

std::uint64_t Worker::ticks_for(Duration d) const {
  // One more: the first tick may come at once.
  return static_cast<std::uint64_t>((d + tick_ - Duration(1)) / tick_) + 1;
}

template <class F>
void Worker::for_each_peer(F&& visit) {
  // By index: a visit may remove peers.
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (const auto peer = entries_[i].peer) visit(*peer);
  }
}

void Worker::wait_for_tick() {
  tick_timer_.expires_after(tick_);
  tick_timer_.async_wait([self = shared_from_this()](ErrorCode error) {
    if (error || self->finished_) return;
    ++self->ticks_;
    self->date_ = format_http_date(self->context_->clock->now());
    self->for_each_peer([](Peer& peer) { peer.tick(); });
    self->wait_for_tick();
  });
}

void Worker::drain(Duration grace) {
  boost::asio::post(io_, [self = shared_from_this(), grace] { self->begin_drain(grace); });
}

void Worker::begin_drain(Duration grace) {
  draining_ = true;
  deliver_inbox();
  for_each_peer([](Peer& peer) { peer.drain(); });
  finish_if_drained();
  if (finished_) return;  // A timer that is set now would keep the thread for all of the grace.
  grace_timer_.expires_after(grace);
  grace_timer_.async_wait([self = shared_from_this()](ErrorCode) {
    self->for_each_peer([](Peer& peer) { peer.abort(); });
  });
}

void Worker::finish_if_drained() {
  if (!draining_ || finished_ || open_ > 0) return;
  finished_ = true;
  inbox_.with([](Inbox& inbox) {
    inbox.closed = true;
    inbox.commands.clear();
  });
  tick_timer_.cancel();
  grace_timer_.cancel();
  work_.reset();
}

void StreamHandle::send(std::shared_ptr<const StreamMessage> message) {
  if (closed()) return;
  const std::uint64_t size = message->event_stream().size();
  const std::uint64_t queued = queued_.fetch_add(size, std::memory_order_relaxed) + size;
  if (queued <= worker_->context().options.stream_queue_bytes_max) {
    worker_->post({.id = id_, .what = std::move(message)});
  } else if (!closed_.exchange(true)) {
    Counters::add(worker_->context().counters.streams_dropped);
    worker_->post({.id = id_, .what = EndStream{.slow_reader = true}});
  }
}

void StreamHandle::close() {
  if (!closed_.exchange(true)) worker_->post({.id = id_, .what = EndStream{}});
}

void end_stream(Worker& worker, std::shared_ptr<StreamHandle> stream) {
  stream->mark_closed();
  worker.context().counters.streams_open.fetch_sub(1, std::memory_order_relaxed);
  worker.defer([handler = worker.context().handler, stream = std::move(stream)] {
    handler->on_stream_closed(stream);
  });
}

}  // namespace quell::http
