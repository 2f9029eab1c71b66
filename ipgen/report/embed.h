/* SPDX-License-Identifier: BSD-2-Clause */
/* Files that are part of the program: made by embed.py when it is built. */
#ifndef IPGEN_EMBED_H
#define IPGEN_EMBED_H

#include <stddef.h>

extern const char embed_report_css[];
extern const size_t embed_report_css_len;
extern const char embed_live_html[], embed_live_css[], embed_live_js[];
extern const size_t embed_live_html_len, embed_live_css_len, embed_live_js_len;

#endif
