/* SPDX-License-Identifier: BSD-2-Clause */
/* The keys of "attach gen0,key=value...", and the frames that are made of them. */
/*
 * Synchronization: a helper thread or control, with a softc that nobody else has yet.
 * Lifetime: none of its own.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dev/gen_var.h"
#include "pkt/pkt.h"

#define GEN_MAXRATE 1000000000ull
#define GEN_MAXDSTS (1ull << 30) /* octets */

enum { ETHLEN = 14 };

/* 7:4:1 of 64, 594 and 1518 octets on the wire, spread as evenly as 12 packets allow */
static const uint16_t imix_sizes[GEN_TMPLMAX] = {64, 594, 1518};
static const uint8_t imix_order[12] = {0, 1, 0, 0, 1, 0, 2, 0, 1, 0, 1, 0};

struct gen_parse {
	struct gen_softc *sc;
	char *err;
	size_t errlen;
	bool size_given;
};

static int
bad(struct gen_parse *gp, const char *key, const char *value, const char *why)
{
	snprintf(gp->err, gp->errlen, "%s: '%s' is not %s", key, value, why);
	return -EINVAL;
}

static int
number(struct gen_parse *gp, const char *key, const char *value, uint64_t min, uint64_t max, uint64_t *n)
{
	char *end, why[64];

	errno = 0;
	*n = strtoull(value, &end, 10);
	if (isdigit((unsigned char)value[0]) && *end == '\0' && errno == 0 && *n >= min && *n <= max)
		return 0;
	snprintf(why, sizeof(why), "a number from %llu to %llu", (unsigned long long)min, (unsigned long long)max);
	return bad(gp, key, value, why);
}

static int
set_rate(struct gen_parse *gp, const char *key, const char *value)
{
	return number(gp, key, value, 0, GEN_MAXRATE, &gp->sc->rate);
}

static int
set_ring(struct gen_parse *gp, const char *key, const char *value)
{
	uint64_t n;
	int error = number(gp, key, value, 1, GEN_RING_MAX, &n);

	if (error == 0)
		gp->sc->ring = n;
	return error;
}

static int
set_vec(struct gen_parse *gp, const char *key, const char *value)
{
	uint64_t n;
	int error = number(gp, key, value, 1, PKT_VEC, &n);

	if (error == 0)
		gp->sc->vec = n;
	return error;
}

static int
set_flows(struct gen_parse *gp, const char *key, const char *value)
{
	uint64_t n;
	int error = number(gp, key, value, 1, GEN_FLOWMAX, &n);

	if (error == 0)
		gp->sc->flows = n;
	return error;
}

static int
set_queues(struct gen_parse *gp, const char *key, const char *value)
{
	uint64_t n;
	int error = number(gp, key, value, 1, PORT_MAXQ, &n);

	if (error == 0 && gp->sc->queues != 0 && gp->sc->queues != n)
		return bad(gp, key, value, "what 'queues' beside the device says");
	if (error == 0)
		gp->sc->queues = n;
	return error;
}

static int
set_direct(struct gen_parse *gp, const char *key, const char *value)
{
	uint64_t n;
	int error = number(gp, key, value, 0, 1, &n);

	if (error == 0)
		gp->sc->direct = n;
	return error;
}

static int
set_sink(struct gen_parse *gp, const char *key, const char *value)
{
	uint64_t n;
	int error = number(gp, key, value, 0, 1, &n);

	if (error == 0)
		gp->sc->sink = n;
	return error;
}

static int
set_size(struct gen_parse *gp, const char *key, const char *value)
{
	uint64_t n;
	char *end;

	gp->size_given = true;
	n = strtoull(value, &end, 10);
	if (strcmp(value, "imix") == 0)
		gp->sc->size = 0;
	else if (isdigit((unsigned char)value[0]) && *end == '\0' && n >= GEN_MINFRAME + GEN_FCS &&
		 n <= GEN_MAXFRAME + GEN_FCS)
		gp->sc->size = n;
	else
		return bad(gp, key, value, "imix or a number from 64 to 1518");
	return 0;
}

static int
set_family(struct gen_parse *gp, const char *key, const char *value)
{
	if (strcmp(value, "4") != 0 && strcmp(value, "6") != 0)
		return bad(gp, key, value, "4 or 6");
	gp->sc->family = value[0] - '0';
	return 0;
}

static int
set_address(struct gen_parse *gp, const char *key, const char *value, uint8_t *address)
{
	if (gp->sc->family == 4 && inet_pton(AF_INET, value, address) != 1)
		return bad(gp, key, value, "an IPv4 address");
	if (gp->sc->family == 6 && inet_pton(AF_INET6, value, address) != 1)
		return bad(gp, key, value, "an IPv6 address");
	return 0;
}

static int
set_src(struct gen_parse *gp, const char *key, const char *value)
{
	return set_address(gp, key, value, gp->sc->src);
}

static int
set_dst(struct gen_parse *gp, const char *key, const char *value)
{
	if (gp->sc->dstsfile != NULL)
		return bad(gp, key, value, "to be given with dsts");
	return set_address(gp, key, value, gp->sc->dst);
}

static int
set_dsts(struct gen_parse *gp, const char *key, const char *value)
{
	if (value[0] != '/')
		return bad(gp, key, value, "an absolute file name");
	gp->sc->dstsfile = strdup(value);
	return gp->sc->dstsfile == NULL ? -ENOMEM : 0;
}

static int
set_peer(struct gen_parse *gp, const char *key, const char *value)
{
	unsigned b[6];
	int end = 0;

	if (sscanf(value, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &end) != 6 ||
	    value[end] != '\0' || (b[0] & 1))
		return bad(gp, key, value, "a station's link address (02:00:00:00:00:01)");
	for (int i = 0; i < 6; i++)
		gp->sc->peer[i] = b[i];
	return 0;
}

/* In the order in which they are looked at: addresses are read by the family. */
static const struct {
	const char *key;
	int (*set)(struct gen_parse *, const char *key, const char *value);
} gen_keys[] = {
    {"family", set_family},
    {"rate", set_rate},
    {"ring", set_ring},
    {"vec", set_vec},
    {"size", set_size},
    {"queues", set_queues},
    {"flows", set_flows},
    {"src", set_src},
    {"dsts", set_dsts},
    {"dst", set_dst},
    {"peer", set_peer},
    {"direct", set_direct},
    {"sink", set_sink},
};
#define GEN_NKEYS (sizeof(gen_keys) / sizeof(gen_keys[0]))

/* Splits "gen0,key=value,..." in place and fills value by key. */
static int
gen_split(struct gen_parse *gp, char *text, const char **value)
{
	char *save = NULL, *word;
	unsigned i;

	strtok_r(text, ",", &save);
	while ((word = strtok_r(NULL, ",", &save)) != NULL) {
		char *eq = strchr(word, '=');

		if (eq != NULL)
			*eq = '\0';
		for (i = 0; i < GEN_NKEYS && strcmp(gen_keys[i].key, word) != 0; i++)
			;
		if (i == GEN_NKEYS) {
			snprintf(gp->err, gp->errlen,
			    "'%s' is not rate, ring, vec, size, family, src, dst, dsts, flows, queues, peer, direct or "
			    "sink",
			    word);
			return -EINVAL;
		}
		if (eq == NULL || eq[1] == '\0') {
			snprintf(gp->err, gp->errlen, "%s: a value is missing (%s=...)", word, word);
			return -EINVAL;
		}
		if (value[i] != NULL) {
			snprintf(gp->err, gp->errlen, "%s: given twice", word);
			return -EINVAL;
		}
		value[i] = eq + 1;
	}
	return 0;
}

/* What was not given */
static int
gen_defaults(struct gen_parse *gp)
{
	struct gen_softc *sc = gp->sc;
	unsigned smallest = ETHLEN + (sc->family == 4 ? 20 : 40) + 8 + GEN_FCS;

	if (!gp->size_given)
		sc->size = RTE_MAX(smallest, (unsigned)GEN_MINFRAME + GEN_FCS);
	if (sc->size != 0 && sc->size < smallest) {
		snprintf(gp->err, gp->errlen, "size: '%u' is less than the %u octets of the smallest UDP over IPv6",
		    sc->size, smallest);
		return -EINVAL;
	}
	if (sc->sink && (sc->direct || sc->rate != 0 || sc->dstsfile != NULL || sc->queues != 0)) {
		snprintf(gp->err, gp->errlen, "sink: '1' is not to be had with rate, dsts, queues or direct");
		return -EINVAL;
	}
	if (sc->direct && sc->rate != 0) {
		snprintf(gp->err, gp->errlen, "direct: '1' is not to be had with a rate");
		return -EINVAL;
	}
	return 0;
}

int
gen_parse(struct gen_softc *sc, const char *devstr, char *err, size_t errlen)
{
	struct gen_parse parse = {.sc = sc, .err = err, .errlen = errlen}, *gp = &parse;
	static const uint8_t src6[16] = {0x20, 0x01, 0, 2, 0, 0, 0, 1, [15] = 2},
			     dst6[16] = {0x20, 0x01, 0, 2, 0, 0, 0, 2, [15] = 2};
	const char *value[GEN_NKEYS] = {NULL};
	char *text = strdup(devstr);
	int error;

	if (text == NULL)
		return -ENOMEM;
	error = gen_split(gp, text, value);
	sc->family = 4;
	for (unsigned i = 0; error == 0 && i < GEN_NKEYS; i++) {
		if (value[i] != NULL)
			error = gen_keys[i].set(gp, gen_keys[i].key, value[i]);
		if (i == 0) { /* of the benchmarks' networks: RFC 2544, RFC 5180 */
			memcpy(sc->src, sc->family == 4 ? (const uint8_t *)"\xc6\x12\0\2" : src6,
			    sc->family == 4 ? 4 : 16);
			memcpy(sc->dst, sc->family == 4 ? (const uint8_t *)"\xc6\x13\0\2" : dst6,
			    sc->family == 4 ? 4 : 16);
		}
	}
	free(text);
	return error != 0 ? error : gen_defaults(gp);
}

/* The addresses in memory of their own: a page of the file that is not there would stop a worker. */
int
gen_read_dsts(struct gen_softc *sc, char *err, size_t errlen)
{
	const unsigned alen = sc->family == 4 ? 4 : 16;
	uint64_t size = alen, done = 0;
	struct stat st;
	int fd = -1, error;
	ssize_t n;
	uint8_t *p;

	if (sc->dstsfile != NULL) {
		/* a FIFO that nobody writes would hold the thread, and with it the end of the daemon */
		fd = open(sc->dstsfile, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
		if (fd < 0 || fstat(fd, &st) < 0) {
			error = -errno;
			snprintf(err, errlen, "dsts: '%s': %s", sc->dstsfile, strerror(-error));
			goto out;
		}
		size = st.st_size;
		if (!S_ISREG(st.st_mode) || size == 0 || size % alen != 0 || size > GEN_MAXDSTS) {
			error = -EINVAL;
			snprintf(err, errlen, "dsts: '%s' is not a file of packed IPv%u addresses (%u octets each)",
			    sc->dstsfile, sc->family, alen);
			goto out;
		}
	}
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED) {
		error = -errno;
		snprintf(err, errlen, "dsts: %s", strerror(-error));
		goto out;
	}
	(void)madvise(p, size, MADV_HUGEPAGE);
	sc->dsts = p;
	sc->dstslen = size;
	sc->ndsts = size / alen;
	error = 0;
	if (fd < 0)
		memcpy(p, sc->dst, alen);
	while (fd >= 0 && done < size) {
		n = read(fd, p + done, size - done);
		if (n <= 0) {
			error = n < 0 ? -errno : -EIO;
			snprintf(err, errlen, "dsts: '%s': %s", sc->dstsfile, strerror(-error));
			break;
		}
		done += n;
	}
out:
	if (fd >= 0)
		close(fd);
	return error;
}

static void
put16(uint8_t *p, unsigned v)
{
	p[0] = v >> 8;
	p[1] = v;
}

/* => a frame of size octets without FCS; the sums leave out what is filled in packet by packet (zero in the template) */
static void
gen_template(const struct gen_softc *sc, struct gen_template *t, unsigned size)
{
	uint8_t *p = t->frame, *ip = p + ETHLEN, *udp = ip + (sc->family == 4 ? 20 : 40);
	unsigned udplen = size - (udp - p), alen = sc->family == 4 ? 4 : 16;
	uint8_t tail[4] = {0, IPPROTO_UDP};

	memset(t, 0, sizeof(*t));
	t->len = size;
	memcpy(p + 6, sc->peer, 6);
	put16(p + 12, sc->family == 4 ? 0x0800 : 0x86dd);
	if (sc->family == 4) {
		ip[0] = 0x45;
		put16(ip + 2, size - ETHLEN);
		ip[8] = 64;
		ip[9] = IPPROTO_UDP;
		memcpy(ip + 12, sc->src, 4);
		t->ipsum = cksum_add(0, ip, 20);
	} else {
		ip[0] = 0x60;
		put16(ip + 4, udplen);
		ip[6] = IPPROTO_UDP;
		ip[7] = 64;
		memcpy(ip + 8, sc->src, 16);
	}
	put16(udp + 2, 9); /* discard */
	put16(udp + 4, udplen);
	for (unsigned i = 8; i < udplen; i++)
		udp[i] = i - 8;
	put16(tail + 2, udplen);
	t->udpsum = cksum_add(cksum_add(cksum_add(0, sc->src, alen), tail, 4), udp, udplen);
	/* room for what is added to it */
	t->ipsum = (t->ipsum & 0xffff) + (t->ipsum >> 16);
	t->udpsum = (t->udpsum & 0xffff) + (t->udpsum >> 16);
}

void
gen_templates(struct gen_softc *sc)
{
	unsigned smallest = ETHLEN + (sc->family == 4 ? 20 : 40) + 8;

	if (sc->size != 0) {
		sc->ntmpl = sc->nmix = 1;
		gen_template(sc, &sc->tmpl[0], sc->size - GEN_FCS);
		return;
	}
	sc->ntmpl = GEN_TMPLMAX;
	sc->nmix = sizeof(imix_order);
	memcpy(sc->mix, imix_order, sizeof(imix_order));
	for (unsigned i = 0; i < GEN_TMPLMAX; i++)
		gen_template(sc, &sc->tmpl[i], RTE_MAX((unsigned)imix_sizes[i] - GEN_FCS, smallest));
}
