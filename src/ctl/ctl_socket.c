/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control socket's file: made with its final mode, replacing a stale one and refusing a live one.
 *
 * Two daemons that start at once on one path are kept apart by a lock on the directory, held from the test whether
 * somebody listens until we do.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "ctl/ctl_internal.h"
#include "mp/mp.h"

static dev_t socket_dev; /* [c] the file that we made */
static ino_t socket_ino; /* [c] */

/* => 1: somebody listens, 0: nobody does or there is no file, -errno */
static int
socket_live(const struct sockaddr_un *sun)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc;

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) == 0 || errno == EAGAIN || errno == EINPROGRESS)
		rc = 1;
	else if (errno == ECONNREFUSED || errno == ENOENT)
		rc = 0;
	else
		rc = -errno;
	close(fd);
	return rc;
}

/* => a descriptor that holds the lock until it is closed, or -errno */
static int
directory_lock(const char *path)
{
	char copy[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	int fd, error;

	snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	for (int tries = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; tries++) {
		if (errno != EWOULDBLOCK || tries == 500) {
			error = errno;
			close(fd);
			return -error;
		}
		nanosleep(&(struct timespec){0, 10 * 1000 * 1000}, NULL);
	}
	return fd;
}

static int
socket_bind(int fd, const struct sockaddr_un *sun, const char *group)
{
	const char *path = sun->sun_path;
	struct stat st;
	gid_t gid = (gid_t)-1;
	int rc;

	if (group != NULL) {
		struct group *gr = getgrnam(group);

		if (gr == NULL) {
			mp_log(MP_LOG_ERR, "%s: no such group", group);
			return -ENOENT;
		}
		gid = gr->gr_gid;
	}
	if (lstat(path, &st) == 0) {
		if (!S_ISSOCK(st.st_mode)) {
			mp_log(MP_LOG_ERR, "%s: exists and is not a socket", path);
			return -EEXIST;
		}
		rc = socket_live(sun);
		if (rc != 0) {
			if (rc > 0)
				mp_log(MP_LOG_ERR, "%s: another daemon listens there", path);
			else
				mp_log(MP_LOG_ERR, "%s: %s", path, strerror(-rc));
			return rc > 0 ? -EADDRINUSE : rc;
		}
		if (unlink(path) != 0) {
			rc = -errno;
			mp_log(MP_LOG_ERR, "%s: stale socket: %s", path, strerror(-rc));
			return rc;
		}
	}
	/* Linux makes the file with the mode of the socket's own inode (less the umask): never open to others, not even
	 * for a moment. */
	if (fchmod(fd, 0600) != 0 || bind(fd, (const struct sockaddr *)sun, sizeof(*sun)) != 0) {
		rc = -errno;
		mp_log(MP_LOG_ERR, "%s: %s", path, strerror(-rc));
		return rc;
	}
	if ((group != NULL && lchown(path, (uid_t)-1, gid) != 0) || chmod(path, group != NULL ? 0660 : 0600) != 0 ||
	    lstat(path, &st) != 0) {
		rc = -errno;
		mp_log(MP_LOG_ERR, "%s: %s%s: %s", path, group != NULL ? "group " : "mode", group != NULL ? group : "",
		    strerror(-rc));
		unlink(path);
		return rc;
	}
	if (listen(fd, SOMAXCONN) != 0) {
		rc = -errno;
		unlink(path);
		return rc;
	}
	socket_dev = st.st_dev;
	socket_ino = st.st_ino;
	return 0;
}

int
ctl_socket_listen(const char *path, const char *group, int *fdp)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd, lock, rc;

	if (strlen(path) >= sizeof(sun.sun_path)) {
		mp_log(MP_LOG_ERR, "%s: a socket's path has at most %zu octets, this one has %zu", path,
		    sizeof(sun.sun_path) - 1, strlen(path));
		return -ENAMETOOLONG;
	}
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	lock = directory_lock(path);
	if (lock < 0) {
		mp_log(MP_LOG_ERR, "%s: directory: %s", path, strerror(-lock));
		return lock;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		rc = -errno;
		mp_log(MP_LOG_ERR, "socket: %s", strerror(-rc));
	} else {
		rc = socket_bind(fd, &sun, group);
	}
	close(lock);
	if (rc != 0) {
		if (fd >= 0)
			close(fd);
		return rc;
	}
	*fdp = fd;
	return 0;
}

void
ctl_socket_unlink(const char *path)
{
	struct stat st;

	if (lstat(path, &st) == 0 && st.st_dev == socket_dev && st.st_ino == socket_ino)
		unlink(path);
}
