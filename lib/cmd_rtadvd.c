/* SPDX-License-Identifier: BSD-2-Clause */
/* The command language: rtadvd.  Its file goes with the command as text; the daemon reads what it says. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd_impl.h"

#define MAXFILE (256 * 1024)

static int
rtadvd_file(struct cmd_ctx *ctx, json_t *p, const char *name)
{
	char *path = cmd_path(ctx, name), *text = NULL;
	struct stat st;
	ssize_t n = 0;
	int fd, error = 0;

	if (path == NULL)
		return -ENOMEM;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) != 0)
		error = cmd_fail(ctx, errno, "-c: %s: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode) || st.st_size > MAXFILE)
		error = cmd_fail(ctx, EINVAL, "-c: %s: not a file of %d octets or less", path, MAXFILE);
	else if ((text = malloc(MAXFILE + 1)) == NULL)
		error = -ENOMEM;
	else if ((n = read(fd, text, MAXFILE)) < 0)
		error = cmd_fail(ctx, errno, "-c: %s: %s", path, strerror(errno));
	if (error == 0) {
		json_t *v = memchr(text, '\0', (size_t)n) == NULL ? json_stringn(text, (size_t)n) : NULL;

		if (v == NULL)
			error = cmd_fail(ctx, EINVAL, "-c: %s: not text in UTF-8", path);
		cmd_set(ctx, p, "conf", v);
		cmd_set(ctx, p, "file", json_string(path));
	}
	if (fd >= 0)
		close(fd);
	free(text);
	free(path);
	return error;
}

int
cmd_rtadvd(struct cmd_ctx *ctx, int argc, char *const *argv)
{
	const char *file = NULL;
	bool stop = false, fixed = false;
	json_t *p, *list;
	int i, error;

	for (i = 1; i < argc && argv[i][0] == '-' && argv[i][1] != '\0'; i++) {
		if (strcmp(argv[i], "--json") == 0)
			continue;
		if (strcmp(argv[i], "--") == 0) {
			i++;
			break;
		}
		for (const char *o = argv[i] + 1; *o != '\0'; o++) {
			const char *value;

			switch (*o) {
			case 'c':
			case 'M':
			case 'p':
				value = o[1] != '\0' ? o + 1 : argv[i + 1];
				if (value == NULL)
					return cmd_fail(ctx, EINVAL, "-%c: an argument is missing", *o);
				if (*o == 'c')
					file = value;
				if (o[1] == '\0')
					i++;
				o = value + strlen(value) - 1;
				break;
			case 'd':
				stop = true;
				break;
			case 's':
				fixed = true;
				break;
			case 'D':
			case 'f':
			case 'R':
				break;
			default:
				return cmd_fail(ctx, EINVAL, "unknown option -%c", *o);
			}
		}
	}
	if (i == argc) {
		if (file != NULL || stop || fixed)
			return cmd_fail_usage(ctx, "an interface is missing");
		ctx->out->display = true;
		return 0;
	}
	list = json_array();
	for (; i < argc; i++) {
		if (!cmd_is_ifname(argv[i])) {
			json_decref(list);
			return cmd_fail(ctx, EINVAL, "'%s' is not an interface", argv[i]);
		}
		json_array_append_new(list, json_string(argv[i]));
	}
	p = cmd_call(ctx, stop ? "rtadv.stop" : "rtadv.start", NULL);
	cmd_set(ctx, p, "interfaces", list);
	if (stop)
		return 0;
	if (fixed)
		cmd_set(ctx, p, "static", json_true());
	if (file != NULL && (error = rtadvd_file(ctx, p, file)) != 0)
		return error;
	return 0;
}
