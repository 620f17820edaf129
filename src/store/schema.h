// Schema: the tables of the store, and the steps that bring an older file up to date.
#pragma once

#include "base/result.h"
#include "store/sqlite.h"

namespace quell {

// Creates the tables in a new file, or runs the migrations that it has not seen yet, each in one
// transaction. Errors: Unavailable when a newer Quell wrote the file.
Status migrate(SqliteConnection& connection);

}  // namespace quell
