/* SPDX-License-Identifier: BSD-2-Clause */
/* The command language: files of entries (arp -f, ndp -f). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd_impl.h"

#define FILE_MAX (4 << 20) /* octets of a file that a configuration names */

/*
 * The daemon, which reads files that a configuration names, must not wait for one nor show what is in it to who sent the
 * configuration: regular files only, and errors that quote nothing.
 */
int
cmd_file(struct cmd_ctx *ctx, const char *name, const char *form, int (*set)(struct cmd_ctx *, char *const *words))
{
	char line[1024], why[256], *path = cmd_path(ctx, name), **w;
	int error = 0, fd;
	unsigned number = 0;
	struct stat st;
	FILE *f = NULL;

	if (path == NULL)
		return cmd_fail(ctx, ENOMEM, "out of memory");
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) != 0)
		error = cmd_fail(ctx, errno, "cannot open %s: %s", path, strerror(errno));
	else if (!ctx->env->names && (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX))
		error = cmd_fail(ctx, EINVAL, "%s: not a regular file of at most %d MiB", path, FILE_MAX >> 20);
	else if ((f = fdopen(fd, "r")) == NULL)
		error = cmd_fail(ctx, errno, "cannot open %s: %s", path, strerror(errno));
	free(path);
	if (f == NULL) {
		if (fd >= 0)
			close(fd);
		return error;
	}
	while (error == 0 && fgets(line, sizeof(line), f) != NULL) {
		size_t len = strlen(line);
		int n = 0;

		number++;
		w = NULL;
		if (len == sizeof(line) - 1 && line[len - 1] != '\n')
			error = cmd_fail(ctx, EINVAL, "line too long");
		else if ((n = cmd_split(line, &w, why, sizeof(why))) < 0)
			error = cmd_fail(ctx, EINVAL, "%s", why);
		else if (n > 0)
			error = set(ctx, w);
		free(w);
	}
	fclose(f);
	if (error != 0) {
		const char *text = strchr(ctx->err, ' ');

		snprintf(why, sizeof(why), "%s", text != NULL ? text + 1 : "");
		error = cmd_fail(ctx, -error, "%s:%u: %s%s", name, number, ctx->env->names ? "" : "not ",
		    ctx->env->names ? why : form);
	}
	return error;
}
