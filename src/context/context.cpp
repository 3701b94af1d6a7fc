#include <moxie/core/status.hpp>
