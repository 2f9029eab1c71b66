/* SPDX-License-Identifier: BSD-2-Clause */
/* A report in memory, and how it gets into a file. */
#include <errno.h>
#include <signal.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ipgen/report/report_var.h"

int
report_add(struct report *r, const struct report_row *row)
{
	struct report_row *add;

	if (r->nrows == r->alloc) {
		unsigned alloc = r->alloc > 0 ? r->alloc * 2 : 16;
		struct report_row *more = realloc(r->row, alloc * sizeof(*more));

		if (more == NULL)
			return -ENOMEM;
		r->row = more;
		r->alloc = alloc;
	}
	add = &r->row[r->nrows++];
	*add = *row;
	for (int d = 0; d <= TRIAL_DIRS; d++)
		add->has_quantiles[d] = report_quantiles(&row->result, d < TRIAL_DIRS ? d : -1, add->quantile_ns[d]);
	for (unsigned d = 0; d < TRIAL_DIRS; d++)
		add->result.dir[d].hist = NULL; /* the engine's, and gone with the next trial */
	return 0;
}

int
report_add_sample(struct report *r, const struct trial_sample *s)
{
	if (r->nsamples == r->salloc) {
		unsigned alloc = r->salloc > 0 ? r->salloc * 2 : 64;
		struct trial_sample *more = realloc(r->sample, alloc * sizeof(*more));

		if (more == NULL)
			return -ENOMEM;
		r->sample = more;
		r->salloc = alloc;
	}
	r->sample[r->nsamples++] = *s;
	return 0;
}

void
report_free(struct report *r)
{
	free(r->row);
	free(r->sample);
	r->row = NULL;
	r->sample = NULL;
	r->nrows = r->alloc = r->nsamples = r->salloc = 0;
}

/* 0 or -errno; a stream that fails late (a full disk) says so at its end. */
static int
stream_run(const struct report *r, int (*fn)(const struct report *, FILE *), FILE *f)
{
	int error;

	errno = 0;
	error = fn(r, f);
	if (error == 0 && (fflush(f) != 0 || ferror(f)))
		error = errno != 0 ? -errno : -EIO;
	return error;
}

/* A file that is no regular one (a pipe, /dev/stdout) cannot be replaced: it is written to. */
static bool
is_special(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

/* Of the report that is being written; a signal handler reads it. */
static char temporary[4096];		    /* [c] */
static volatile sig_atomic_t has_temporary; /* [c] */

void
report_abandon(void)
{
	if (has_temporary)
		unlink(temporary);
}

static FILE *
temporary_open(const char *path, char *tmp, size_t len)
{
	mode_t mask = umask(0);
	FILE *f;
	int fd;

	umask(mask);
	if ((size_t)snprintf(tmp, len, "%s.XXXXXX", path) >= len) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	has_temporary = 1; /* from here on: its name is changed before it is made */
	if ((fd = mkostemp(tmp, O_CLOEXEC)) < 0) {
		has_temporary = 0;
		return NULL;
	}
	if (fchmod(fd, 0666 & ~mask) != 0 || (f = fdopen(fd, "w")) == NULL) {
		int saved = errno;

		close(fd);
		unlink(tmp);
		has_temporary = 0;
		errno = saved;
		return NULL;
	}
	return f;
}

int
report_write(
    const struct report *r, const char *path, int (*fn)(const struct report *, FILE *), char *err, size_t errlen)
{
	bool special = is_special(path);
	char *tmp = temporary;
	int error;
	FILE *f;

	if (strcmp(path, "-") == 0) {
		error = stream_run(r, fn, stdout);
		if (error != 0)
			snprintf(err, errlen, "standard output: %s", strerror(-error));
		return error;
	}
	f = special ? fopen(path, "we") : temporary_open(path, tmp, sizeof(temporary));
	if (f == NULL) {
		error = -errno;
		snprintf(err, errlen, "%s: %s", path, strerror(-error));
		return error;
	}
	error = stream_run(r, fn, f);
	if (fclose(f) != 0 && error == 0)
		error = -errno;
	if (error == 0 && !special && rename(tmp, path) != 0)
		error = -errno;
	if (error != 0) {
		snprintf(err, errlen, "%s: %s", path, strerror(-error));
		if (!special)
			unlink(tmp);
	}
	has_temporary = 0;
	return error;
}
