/* SPDX-License-Identifier: BSD-2-Clause */
/* rtadvd: tells the daemon to send router advertisements, or shows what it sends. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

static void
print_lifetime(const char *name, long long seconds)
{
	if (seconds == 0xffffffffLL)
		printf(" %s infty", name);
	else
		printf(" %s %lld", name, seconds);
}

static void
print_sender(const json_t *ra)
{
	json_t *p;
	size_t i;

	printf("%s: %s, every %lld to %lld s, sent %lld, solicited %lld, inconsistent %lld\n", jstr(ra, "interface"),
	    jstr(ra, "state"), jint(ra, "mininterval"), jint(ra, "maxinterval"), jint(ra, "sent"),
	    jint(ra, "solicited"), jint(ra, "inconsistent"));
	if (json_object_get(ra, "file") != NULL)
		printf("\tfile %s\n", jstr(ra, "file"));
	printf("\tlifetime %lld hoplimit %lld reachable %lld retrans %lld mtu %lld%s%s\n", jint(ra, "lifetime"),
	    jint(ra, "hoplimit"), jint(ra, "reachable"), jint(ra, "retrans"), jint(ra, "mtu"),
	    jbool(ra, "managed") ? " managed" : "", jbool(ra, "other") ? " other" : "");
	json_array_foreach (json_object_get(ra, "prefixes"), i, p) {
		printf("\tprefix %s", jstr(p, "prefix"));
		print_lifetime("vltime", jint(p, "vltime"));
		print_lifetime("pltime", jint(p, "pltime"));
		printf("%s%s\n", jbool(p, "onlink") ? " onlink" : "", jbool(p, "autonomous") ? " autonomous" : "");
	}
}

/* A script waits for the file, and may kill what it names: there is nothing to be killed, so it names nothing. */
static void
touch_pidfile(int argc, char **argv)
{
	for (int i = 1; i < argc && argv[i][0] == '-'; i++) {
		const char *o = argv[i] + 1 + strspn(argv[i] + 1, "DdfRs");
		const char *value = *o != '\0' && o[1] != '\0' ? o + 1 : argv[i + 1];
		FILE *f;

		if (*o == '\0' || strchr("cMp", *o) == NULL)
			continue;
		if (*o == 'p' && value != NULL) {
			if ((f = fopen(value, "w")) == NULL)
				tool_fail(1, "-p: %s: %s", value, strerror(errno));
			fclose(f);
		}
		i += o[1] == '\0';
	}
}

int
rtadvd_main(int argc, char **argv)
{
	struct cmd cmd;
	json_t *list, *ra;
	bool json;
	size_t i;
	int status;

	tool_parse(argc, argv, &cmd);
	if (!cmd.display) {
		bool stop = strcmp(cmd.calls[0].method, "rtadv.stop") == 0;

		cmd_free(&cmd);
		status = tool_configure(argc, argv);
		if (status == 0 && !stop)
			touch_pidfile(argc, argv);
		return status;
	}
	cmd_free(&cmd);
	json = tool_option_json(&argc, argv);
	list = tool_call("rtadv.list", NULL);
	if (json)
		return tool_print_json(list);
	json_array_foreach (list, i, ra)
		print_sender(ra);
	json_decref(list);
	return 0;
}
