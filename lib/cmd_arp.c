/* SPDX-License-Identifier: BSD-2-Clause */
/* The command language: arp. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd_impl.h"

#define FILE_MAX (4 << 20) /* octets of a file that a configuration names */

/* "A MAC [temp] [pub [proxy]]", from the command line or from a line of a file. */
static int
arp_set(struct cmd_ctx *ctx, char *const *w)
{
	struct cmd_addr a;
	char mac[18];
	json_t *p;
	int error;

	if (w[0] == NULL || w[1] == NULL)
		return cmd_fail_usage(ctx, "an address and a link address are needed");
	if ((error = cmd_address(ctx, AF_INET, NULL, w[0], false, &a)) != 0 ||
	    (error = cmd_lladdr(ctx, w[0], w[1], mac)) != 0)
		return error;
	p = cmd_call(ctx, "neigh.add", WRITING);
	cmd_set(ctx, p, "family", json_string("inet"));
	cmd_set(ctx, p, "address", json_string(a.text));
	cmd_set(ctx, p, "lladdr", json_string(mac));
	for (w += 2; *w != NULL; w++) {
		if (strcmp(*w, "temp") == 0)
			cmd_set(ctx, p, "temp", json_true());
		else if (strcmp(*w, "pub") == 0)
			cmd_set(ctx, p, "pub", json_true());
		else if (strcmp(*w, "proxy") == 0)
			cmd_set(ctx, p, "proxy", json_true());
		else
			return cmd_fail(ctx, EINVAL, "'%s' is not temp, pub or proxy", *w);
	}
	if (json_object_get(p, "proxy") != NULL && json_object_get(p, "pub") == NULL)
		return cmd_fail(ctx, EINVAL, "proxy needs pub");
	return 0;
}

/*
 * Each line is like the arguments of -s.  The daemon, which reads files that a configuration names, must not wait for
 * one nor show what is in it to who sent the configuration: regular files only, and errors that quote nothing.
 */
static int
arp_file(struct cmd_ctx *ctx, const char *name)
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
			error = arp_set(ctx, w);
		free(w);
	}
	fclose(f);
	if (error != 0) {
		snprintf(why, sizeof(why), "%s", ctx->err + strlen("arp: "));
		error = cmd_fail(ctx, -error, "%s:%u: %s", name, number,
		    ctx->env->names ? why : "not ADDRESS LLADDR [temp] [pub [proxy]]");
	}
	return error;
}

int
cmd_arp(struct cmd_ctx *ctx, int argc, char *const *argv)
{
	bool remove = false, all = false;
	char action = '\0';
	struct cmd_addr a;
	json_t *p;
	int i, error;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--json") == 0)
			continue;
		for (const char *o = argv[i] + 1; *o != '\0'; o++) {
			if (*o == 's' || *o == 'f')
				action = *o;
			else if (*o == 'd')
				remove = true;
			else if (*o == 'a')
				all = true;
			else if (*o != 'n' && *o != 'v')
				return cmd_fail(ctx, EINVAL, "unknown option -%c", *o);
		}
	}
	if (action == 's')
		return arp_set(ctx, argv + i);
	if (action == 'f')
		return i + 1 == argc ? arp_file(ctx, argv[i]) : cmd_fail_usage(ctx, "-f needs one file name");
	if (!remove) {
		ctx->out->display = true;
		return 0;
	}
	if (all) {
		if (i < argc)
			return cmd_fail_usage(ctx, "-d -a takes no address");
		cmd_set(ctx, cmd_call(ctx, "neigh.flush", WRITING), "family", json_string("inet"));
		return 0;
	}
	if (i == argc)
		return cmd_fail_usage(ctx, "an address is missing");
	for (; i < argc; i++) {
		if (strcmp(argv[i], "pub") == 0 || strcmp(argv[i], "proxy") == 0)
			continue;
		if ((error = cmd_address(ctx, AF_INET, NULL, argv[i], false, &a)) != 0)
			return error;
		p = cmd_call(ctx, "neigh.delete", WRITING);
		cmd_set(ctx, p, "family", json_string("inet"));
		cmd_set(ctx, p, "address", json_string(a.text));
	}
	return 0;
}
