/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz entry: lines of a client of the control socket, through the dispatcher without sockets.
 *
 * The methods have the names and parameters of the real ones, so that inputs get through the checks; what they do is
 * decided by their parameters: answer, fail, answer later, open streams.
 */
#include <errno.h>
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl_internal.h"
#include "mp/mp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int ctl_fuzz_one(const uint8_t *data, size_t size);

static struct worker control;
static struct ctl_req *later;
static struct ctl_stream *stream;

static void
closed(void *arg)
{
	stream = NULL;
}

static int
m_any(struct ctl_req *req, json_t *params, json_t **result)
{
	switch (json_object_size(params) % 5) {
	case 0:
		*result = json_incref(params);
		return 0;
	case 1:
		return ctl_error(req, EINVAL, "%s",
		    json_object_iter(params) != NULL ? json_object_iter_key(json_object_iter(params)) : "");
	case 2:
		later = req;
		return CTL_ASYNC;
	case 3:
		if (stream != NULL)
			return -EBUSY;
		stream = ctl_stream_open(req, closed, NULL);
		if (stream == NULL)
			return -EINVAL;
		*result = ctl_stream_result(stream);
		ctl_stream_send(stream, json_incref(params));
		return 0;
	default:
		if (stream != NULL)
			ctl_stream_end(stream, json_incref(params));
		ctl_reply(req, json_incref(params));
		return CTL_ASYNC;
	}
}

static int
prepare(void)
{
	static const struct ctl_method *tables[64];
	unsigned n = 0;

	control.is_control = true;
	mp_self = &control;
	for (const struct ctl_method *const *t = ctl_method_tables; *t != NULL; t++) {
		struct ctl_method *copy;
		size_t count = 0;

		while ((*t)[count].name != NULL)
			count++;
		copy = calloc(count + 1, sizeof(*copy));
		if (copy == NULL || n == 63)
			abort();
		memcpy(copy, *t, (count + 1) * sizeof(*copy));
		for (size_t i = 0; i < count; i++)
			copy[i].fn = m_any;
		tables[n++] = copy;
	}
	return ctl_methods_load(tables);
}

/* => what a client sends, lines ended by newlines */
int
ctl_fuzz_one(const uint8_t *data, size_t size)
{
	static bool ready;
	struct ctl_client cl = {.fd = -1};

	if (!ready && prepare() != 0)
		abort();
	ready = true;
	ctl_client_init(&cl);
	while (size > 0) {
		const uint8_t *nl = memchr(data, '\n', size);
		size_t len = nl != NULL ? (size_t)(nl - data) : size;

		ctl_rpc_line(&cl, (const char *)data, len);
		while (cl.batch != NULL || cl.req != NULL) {
			if (cl.req != NULL && size % 2 == 0)
				ctl_reply(later, json_true());
			else if (cl.req != NULL)
				ctl_fail(later, EIO, "later");
			else
				ctl_rpc_batch_step(&cl);
		}
		evbuffer_drain(cl.out, evbuffer_get_length(cl.out));
		size -= nl != NULL ? len + 1 : len;
		data += nl != NULL ? len + 1 : len;
	}
	ctl_client_fini(&cl);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return ctl_fuzz_one(data, size);
}
