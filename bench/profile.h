// Where the time of a job goes: a table of its session's steps.
#pragma once

#include <nadir/nadir.h>

#include <string>
#include <vector>

#include "worker.h"

namespace bench {

// Of `arguments`, a job and perhaps --plan. `session_of_last` tells the session that was compiled last. What `main` returns.
int profile(const std::vector<std::string>& arguments, const std::vector<Entry>& entries,
            nadir_session* (*session_of_last)());

}  // namespace bench
