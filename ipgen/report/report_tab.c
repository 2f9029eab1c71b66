/* SPDX-License-Identifier: BSD-2-Clause */
/* A table in memory, as the text and the HTML report take it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ipgen/report/report_var.h"

void
tab_init(struct tab *t, const char *title, const char *about)
{
	memset(t, 0, sizeof(*t));
	snprintf(t->title, sizeof(t->title), "%s", title);
	snprintf(t->about, sizeof(t->about), "%s", about);
}

void
tab_col(struct tab *t, const char *head, const char *unit, bool left)
{
	if (t->ncols == TAB_COLS)
		return;
	t->col[t->ncols].head = head;
	t->col[t->ncols].unit = unit;
	t->col[t->ncols++].left = left;
}

void
tab_cell(struct tab *t, const char *fmt, ...)
{
	char plain[256], clean[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(plain, sizeof(plain), fmt, ap);
	va_end(ap);
	if (t->ncells == t->alloc) {
		unsigned alloc = t->alloc > 0 ? t->alloc * 2 : 64;
		char **more = realloc(t->cell, alloc * sizeof(*more));

		if (more == NULL) {
			t->failed = true;
			return;
		}
		t->cell = more;
		t->alloc = alloc;
	}
	if ((t->cell[t->ncells] = strdup(report_clean(clean, sizeof(clean), plain))) == NULL)
		t->failed = true;
	else
		t->ncells++;
}

void
tab_free(struct tab *t)
{
	for (unsigned i = 0; i < t->ncells; i++)
		free(t->cell[i]);
	free(t->cell);
	t->cell = NULL;
	t->ncells = t->alloc = 0;
}

void
report_tables_free(struct tabs *tabs)
{
	for (unsigned i = 0; i < tabs->n; i++)
		tab_free(&tabs->tab[i]);
	tabs->n = 0;
}
