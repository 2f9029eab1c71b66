/* SPDX-License-Identifier: BSD-2-Clause */
/* One page that needs nothing else. */
#include <errno.h>

#include "ipgen/report/report_var.h"

int
report_html(const struct report *r, FILE *f)
{
	return -ENOSYS;
}
