// CBLAS as Debian's alternatives provide it: libblas-dev alone builds, libopenblas-dev makes it fast.
#pragma once
#include <cblas.h>
