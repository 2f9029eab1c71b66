/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon itself: rpc.list, daemon.info, daemon.halt, stream.stop. */
#include <errno.h>
#include <event2/event.h>
#include <unistd.h>

#include "ctl/ctl_internal.h"
#include "mp/mp.h"
#include "mp/pool.h"

static int
m_rpc_list(struct ctl_req *req, json_t *params, json_t **result)
{
	ASSERT_CONTROL();
	*result = json_array();
	for (const struct ctl_method *const *t = ctl_method_tables; *t != NULL; t++) {
		for (const struct ctl_method *m = *t; m->name != NULL; m++) {
			json_t *list = json_object();

			for (const struct ctl_param *p = m->params; p != NULL && p->name != NULL; p++)
				json_object_set_new(list, p->name, json_string(p->type));
			json_array_append_new(*result, json_pack("{s:s,s:o,s:s}", "name", m->name, "params", list,
							   "summary", m->summary != NULL ? m->summary : ""));
		}
	}
	return 0;
}

static int
m_info(struct ctl_req *req, json_t *params, json_t **result)
{
#ifdef SMPNET_DEBUG
	bool debug = true;
#else
	bool debug = false;
#endif

	ASSERT_CONTROL();
	*result = json_pack("{s:s,s:i,s:i,s:s,s:I,s:b,s:b,s:i,s:I,s:I}", "version", SMPNET_VERSION, "pid",
	    (int)getpid(), "workers", (int)mp_nworkers, "url", ctl_server_url != NULL ? ctl_server_url : "",
	    "uptime_ms", (json_int_t)ctl_server_uptime_ms(), "hugepages", mp_pool_huge(mp_control()), "debug", debug,
	    "clients", (int)ctl_server_clients(), "turns", (json_int_t)ctl_turns(), "longest_turn_us",
	    (json_int_t)ctl_longest_turn_us(json_is_true(json_object_get(params, "reset"))));
	return 0;
}

/* The event loop ends when this turn is over; main then stops everything.  The answer goes out in ctl_stop. */
static int
m_halt(struct ctl_req *req, json_t *params, json_t **result)
{
	ASSERT_CONTROL();
	mp_log(MP_LOG_INFO, "halt: asked for through the control socket");
	event_base_loopexit(ctl_base, NULL);
	return 0;
}

static int
m_stream_stop(struct ctl_req *req, json_t *params, json_t **result)
{
	json_int_t id = json_integer_value(json_object_get(params, "stream"));

	ASSERT_CONTROL();
	if (req->client == NULL || id <= 0 || ctl_stream_stop(req->client, (uint64_t)id) != 0)
		return ctl_error(req, ENOENT, "stream %lld is not open on this connection", (long long)id);
	return 0;
}

const struct ctl_method daemon_methods[] = {
    {"rpc.list", m_rpc_list, NULL, "every method with its parameters"},
    {"daemon.info", m_info, (const struct ctl_param[]){{"reset", "bool?"}, {NULL, NULL}},
	"version, process and settings of the daemon"},
    {"daemon.halt", m_halt, NULL, "stops the daemon in good order"},
    {"stream.stop", m_stream_stop, (const struct ctl_param[]){{"stream", "int"}, {NULL, NULL}},
	"ends a stream of this connection"},
    {NULL, NULL, NULL, NULL},
};
