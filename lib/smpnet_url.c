/* SPDX-License-Identifier: BSD-2-Clause */
/* libsmpnet: which socket, and names of errnos. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "smpnet.h"

const char *
smpnet_default_url(void)
{
	static _Thread_local char url[512];
	const char *dir = getenv("XDG_RUNTIME_DIR");
	char run[64];
	struct stat st;

	if (geteuid() == 0)
		return "unix:///run/smpnet.sock";
	if (dir != NULL && dir[0] == '/') {
		snprintf(url, sizeof(url), "unix://%s/smpnet.sock", dir);
		return url;
	}
	snprintf(run, sizeof(run), "/run/user/%u", (unsigned)geteuid());
	if (stat(run, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid())
		snprintf(url, sizeof(url), "unix://%s/smpnet.sock", run);
	else
		snprintf(url, sizeof(url), "unix:///tmp/smpnet-%u.sock", (unsigned)geteuid());
	return url;
}

int
smpnet_url_path(const char *url, const char **path)
{
	if (strncmp(url, "unix://", 7) == 0)
		*path = url + 7;
	else if (strchr(url, '/') != NULL && strstr(url, "://") == NULL)
		*path = url;
	else
		return -EINVAL;
	if (**path == '\0')
		return -EINVAL;
	return strlen(*path) < sizeof(((struct sockaddr_un *)NULL)->sun_path) ? 0 : -ENAMETOOLONG;
}

#define MAXERRNO 4095

int
smpnet_errno_value(const char *name)
{
	for (int e = 1; e < 200; e++) {
		const char *n = strerrorname_np(e);

		if (n != NULL && strcmp(n, name) == 0)
			return e;
	}
	if (name[0] == 'E' && name[1] >= '0' && name[1] <= '9') {
		int e = atoi(name + 1);

		return e > 0 && e <= MAXERRNO ? e : 0;
	}
	if (strcmp(name, "EWOULDBLOCK") == 0)
		return EWOULDBLOCK;
	if (strcmp(name, "ENOTSUP") == 0)
		return ENOTSUP;
	return 0;
}

const char *
smpnet_errno_name(int err)
{
	static _Thread_local char text[16];
	const char *n = strerrorname_np(err);

	if (n != NULL)
		return n;
	snprintf(text, sizeof(text), "E%d", err);
	return text;
}
