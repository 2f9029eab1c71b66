/* SPDX-License-Identifier: BSD-2-Clause */
/* Configuration: the file of smpnetd -f, and the methods config.save, config.check, config.apply. */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/config.h"
#include "ctl/ctl_internal.h"
#include "ctl/sysctl.h"
#include "ether/neigh.h"
#include "if/ifnet.h"
#include "mp/mp.h"
#include "route/route.h"

#define CONFIG_MAXFILE (64 * 1024 * 1024)

static int
m_check(struct ctl_req *req, json_t *params, json_t **result)
{
	json_t *text = json_object_get(params, "text");
	const char *dir = json_string_value(json_object_get(params, "dir"));
	struct config conf;

	ASSERT_CONTROL();
	if (dir != NULL && dir[0] != '/')
		return ctl_error(req, EINVAL, "dir: must be absolute");
	config_parse(&conf, json_string_value(text), json_string_length(text), dir);
	config_check(&conf, true);
	*result = json_pack("{s:O}", "errors", conf.errors);
	config_free(&conf);
	return 0;
}

/* => when config.apply is through, at once or later */
static void
apply_done(void *arg, unsigned applied, json_t *errors, json_t *pending)
{
	ctl_reply(arg, json_pack("{s:i,s:O,s:O}", "applied", (int)applied, "errors", errors, "pending", pending));
}

static int
m_apply(struct ctl_req *req, json_t *params, json_t **result)
{
	json_t *text = json_object_get(params, "text");
	const char *dir = json_string_value(json_object_get(params, "dir"));
	struct config conf;
	int rc;

	ASSERT_CONTROL();
	if (dir != NULL && dir[0] != '/')
		return ctl_error(req, EINVAL, "dir: must be absolute");
	config_parse(&conf, json_string_value(text), json_string_length(text), dir);
	config_check(&conf, false);
	if (json_array_size(conf.errors) != 0) {
		*result = json_pack("{s:i,s:O,s:[]}", "applied", 0, "errors", conf.errors, "pending");
		config_free(&conf);
		return 0;
	}
	rc = config_apply(&conf, NULL, apply_done, req);
	if (rc == -EBUSY)
		return ctl_error(req, EBUSY, "another configuration is being applied");
	return rc != 0 ? rc : CTL_ASYNC;
}

/* => malloc'ed text with its length, or NULL with errno */
static char *
file_read(const char *path, size_t *lenp)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = NULL;
	size_t len = 0, room = 0;
	ssize_t n = 1;

	if (fd < 0)
		return NULL;
	while (n > 0) {
		if (room - len < 4096) {
			char *p = len <= CONFIG_MAXFILE ? realloc(text, room = room * 2 + 16384) : NULL;

			if (p == NULL) {
				errno = len <= CONFIG_MAXFILE ? ENOMEM : EFBIG;
				n = -1;
				break;
			}
			text = p;
		}
		n = read(fd, text + len, room - len);
		len += n > 0 ? (size_t)n : 0;
	}
	if (n < 0) {
		int error = errno;

		free(text);
		close(fd);
		errno = error;
		return NULL;
	}
	close(fd);
	*lenp = len;
	return text;
}

static void
load_done(void *arg, unsigned applied, json_t *errors, json_t *pending)
{
	*(bool *)arg = true;
}

int
config_load_file(const char *path)
{
	char copy[PATH_MAX], dir[PATH_MAX], *text;
	static bool done;
	struct config conf;
	json_t *error;
	size_t len, i;
	int rc;

	ASSERT_CONTROL();
	text = file_read(path, &len);
	if (text == NULL) {
		rc = -errno;
		mp_log(MP_LOG_ERR, "%s: %s", path, strerror(-rc));
		return rc;
	}
	snprintf(copy, sizeof(copy), "%s", path);
	if (realpath(dirname(copy), dir) == NULL)
		snprintf(dir, sizeof(dir), "/");
	config_parse(&conf, text, len, dir);
	free(text);
	config_check(&conf, true);
	if (json_array_size(conf.errors) != 0) {
		json_array_foreach (conf.errors, i, error)
			mp_log(MP_LOG_ERR, "%s:%lld: %s", path,
			    (long long)json_integer_value(json_object_get(error, "line")),
			    json_string_value(json_object_get(error, "message")));
		config_free(&conf);
		return -EINVAL;
	}
	done = false;
	rc = config_apply(&conf, path, load_done, &done);
	if (rc != 0)
		return rc;
	/* Attaching takes a while; clients are served when everything is there. */
	ctl_server_hold(true);
	while (!done && ctl_loop_turn())
		continue;
	ctl_server_hold(false);
	return done ? 0 : -EINTR;
}

const struct ctl_method config_methods[] = {
    {"config.save", config_save_method,
	(const struct ctl_param[]){{"limit", "int?"}, {"after", "string?"}, {NULL, NULL}},
	"command lines that recreate the running router"},
    {"config.check", m_check, (const struct ctl_param[]){{"text", "string"}, {"dir", "string?"}, {NULL, NULL}},
	"checks a whole configuration as it would load at start"},
    {"config.apply", m_apply, (const struct ctl_param[]){{"text", "string"}, {"dir", "string?"}, {NULL, NULL}},
	"checks a whole configuration against the running router, then applies it"},
    {NULL, NULL, NULL, NULL},
};
