// Keeps SQLite's writes from gathering in front of its syncs.
//
// SQLite writes a commit's pages, or a checkpoint's, into the page cache and then calls fdatasync:
// megabytes reach the disk at once, and a sync of the journal, which an answer waits for, queues
// behind them for 10 ms and more. Here the kernel is told to write as it goes along, and no more
// than two pieces are on their way at a time, so that another's sync waits for these only: 64 KB
// each, and with large commits up to 4 MB. What is synced, and when, stays SQLite's. RocksDB
// (bytes_per_sync) and PostgreSQL (checkpoint_flush_after) do the same.
//
// By xSetSystemCall of https://www.sqlite.org/c3ref/vfs.html. A SQLite that does not know its calls
// by these names is left as it is.
#pragma once

namespace quell {

// For all connections of the process; once is enough, more is harmless. False: this SQLite does not
// let its calls be replaced. Thread: any.
bool write_behind();

// A commit begins: its pieces are small at first. Thread: the one that commits.
void begin_to_write_behind();

}  // namespace quell
