/* SPDX-License-Identifier: BSD-2-Clause */
/* Scenarios: commands beside the event loop, in a process group of their own, with a time limit. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ipgen/live/scenario.h"

struct scenario_job {
	pid_t pid;
	int fd; /* what it prints */
	double until, kill_at;
	double timeout;
	bool ended, late;
	int status;
	char command[128], line[256];
	size_t used;
};

static double
job_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void
job_child(const char *command, int out)
{
	int null = open("/dev/null", O_RDONLY);
	struct sigaction dfl = {.sa_handler = SIG_DFL};
	sigset_t none;

	setpgid(0, 0);
	sigemptyset(&none);
	for (int s = 1; s < NSIG; s++)
		sigaction(s, &dfl, NULL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (null >= 0)
		dup2(null, 0);
	dup2(out, 1);
	dup2(out, 2);
	close_range(3, ~0u, 0);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

struct scenario_job *
job_start(const char *command, double timeout, char *err, size_t errlen)
{
	struct scenario_job *job = calloc(1, sizeof(*job));
	int p[2];

	if (job == NULL || pipe2(p, O_CLOEXEC | O_NONBLOCK) != 0) {
		snprintf(err, errlen, "%s", strerror(errno));
		free(job);
		return NULL;
	}
	snprintf(job->command, sizeof(job->command), "%s", command);
	job->timeout = timeout;
	job->until = job_now() + timeout;
	job->pid = fork();
	if (job->pid == 0) {
		/* a command does not expect a descriptor that refuses */
		fcntl(p[1], F_SETFL, 0);
		job_child(command, p[1]);
	}
	if (job->pid < 0) {
		snprintf(err, errlen, "%s", strerror(errno));
		close(p[0]);
		close(p[1]);
		free(job);
		return NULL;
	}
	setpgid(job->pid, job->pid);
	close(p[1]);
	job->fd = p[0];
	return job;
}

static void
job_read(struct scenario_job *job, struct live *live)
{
	char buf[512];
	ssize_t n;

	/* a command that prints without end does not keep control here */
	for (int rounds = 0; rounds < 8 && (n = read(job->fd, buf, sizeof(buf))) > 0; rounds++) {
		for (ssize_t i = 0; i < n; i++) {
			if (buf[i] != '\n' && job->used < sizeof(job->line) - 1) {
				job->line[job->used++] = buf[i];
				continue;
			}
			if (buf[i] != '\n')
				continue;
			job->line[job->used] = '\0';
			job->used = 0;
			scenario_tell(live, job->line);
		}
	}
}

int
job_poll(struct scenario_job *job, struct live *live, char *err, size_t errlen)
{
	double now = job_now();

	if (!job->ended && waitpid(job->pid, &job->status, WNOHANG) == job->pid)
		job->ended = true;
	job_read(job, live);
	if (!job->ended) {
		if (now >= job->until && !job->late) {
			kill(-job->pid, SIGTERM);
			job->late = true;
			job->kill_at = now + 1;
		} else if (job->late && now >= job->kill_at)
			kill(-job->pid, SIGKILL);
		return 1;
	}
	if (job->used > 0) {
		job->line[job->used] = '\0';
		job->used = 0;
		scenario_tell(live, job->line);
	}
	if (job->late)
		snprintf(err, errlen, "exec \"%s\": ended after its %g s were over", job->command, job->timeout);
	else if (WIFSIGNALED(job->status))
		snprintf(err, errlen, "exec \"%s\": ended by signal %d", job->command, WTERMSIG(job->status));
	else if (WEXITSTATUS(job->status) != 0)
		snprintf(err, errlen, "exec \"%s\": exit status %d", job->command, WEXITSTATUS(job->status));
	else
		return 0;
	return job->late ? -ETIMEDOUT : -EIO;
}

void
job_free(struct scenario_job *job)
{
	if (job == NULL)
		return;
	if (!job->ended) {
		kill(-job->pid, SIGKILL);
		waitpid(job->pid, &job->status, 0);
	}
	close(job->fd);
	free(job);
}
