/* SPDX-License-Identifier: BSD-2-Clause */
/* The live view: samples come by /live (server-sent events), or by asking for /samples.json where those do not. */
"use strict";

const MOST = 600;
const samples = [];
const rows = new Map();
let state = {}, last = 0, polling = null, dirty = false, waiting = null;

const $ = (id) => document.getElementById(id);
const known = (v) => typeof v === "number" && isFinite(v);

function count(v) {
	return known(v) ? Math.round(v).toLocaleString("en-US") : "-";
}

function scaled(v, unit) {
	const units = ["", "k", "M", "G", "T"];
	let i = 0;

	if (!known(v)) return "-";
	while (Math.abs(v) >= 1000 && i < 4) {
		v /= 1000;
		i++;
	}
	return (i === 0 && Number.isInteger(v) ? String(v) : v.toFixed(v < 10 ? 3 : v < 100 ? 2 : 1)) + " " + units[i] + unit;
}

function us(ns) {
	return known(ns) ? (ns / 1000).toFixed(ns < 100000 ? 2 : 1) : "-";
}

function percent(share) {
	if (!known(share)) return "-";
	if (share === 0) return "0 %";
	return (share * 100 < 0.0001 ? "<0.0001" : (share * 100).toFixed(share < 0.01 ? 4 : 2)) + " %";
}

/* Text only ever goes in as text: what the user or the wire said is never taken for a page. */
function element(name, text, attributes) {
	const e = document.createElement(name);

	if (text !== undefined && text !== null) e.textContent = text;
	for (const [k, v] of Object.entries(attributes || {})) e.setAttribute(k, v);
	return e;
}

function svg(name, attributes, text) {
	const e = document.createElementNS("http://www.w3.org/2000/svg", name);

	for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
	if (text !== undefined) e.textContent = text;
	return e;
}

function directionName(d) {
	return d.direction === 0 ? "0 \u2192 1" : "1 \u2192 0";
}

/* A table of heads and rows of cells; a cell is text, or [text, raw value, id]. */
function table(id, heads, body) {
	const head = element("thead"), tr = element("tr"), rest = element("tbody");

	heads.forEach((h) => tr.append(element("th", h, { scope: "col" })));
	head.append(tr);
	body.forEach((cells) => {
		const line = element("tr");

		cells.forEach((cell, i) => {
			const c = Array.isArray(cell) ? cell : [cell];
			const e = element(i === 0 ? "th" : "td", c[0], i === 0 ? { scope: "row" } : {});

			if (c.length > 1) {
				e.dataset.value = c[1] === null || c[1] === undefined ? "" : c[1];
				e.dataset.figure = c[2];
			}
			if (c[3]) e.className = c[3];
			line.append(e);
		});
		rest.append(line);
	});
	$(id).replaceChildren(head, rest);
}

function tile(label, value, unit, more, bad) {
	const e = element("div", null, { class: bad ? "tile bad" : "tile" }), b = element("b", value);

	b.append(element("small", " " + unit));
	e.append(element("span", label), b, ...more.map((m) => element("span", m)));
	return e;
}

function sum(s, f) {
	return s.directions.reduce((a, d) => a + (f(d) || 0), 0);
}

function most(s, f) {
	const v = s.directions.map(f).filter(known);

	return v.length ? Math.max(...v) : null;
}

function showTiles(s) {
	const lat = (key) => most(s, (d) => d.latency && d.latency[key]);
	const lost = sum(s, (d) => d.total.lost), sent = sum(s, (d) => d.total.sent);
	const faults = sum(s, (d) => d.total.reordered + d.total.duplicate + d.total.corrupt + d.total.misdelivered);
	const floor = state.floor;

	const rate = (label, way) => tile(label, scaled(sum(s, (d) => d[way + "_pps"]), ""), "frames/s",
		["L1 " + scaled(sum(s, (d) => d[way + "_bps_l1"]), "bit/s"), "L2 " + scaled(sum(s, (d) => d[way + "_bps_l2"]), "bit/s")]);

	$("tiles").replaceChildren(rate("sent", "tx"), rate("received", "rx"),
		tile("lost", percent(sent > 0 ? lost / sent : null), "", [count(lost), "of " + count(sent)], lost > 0),
		tile("latency, median", us(lat("p50_ns")), "\u00b5s", ["min " + us(lat("min_ns")), "max " + us(lat("max_ns"))]),
		tile("latency, p99", us(lat("p99_ns")), "\u00b5s", ["p99.9 " + us(lat("p999_ns")),
			floor ? "floor " + us(floor.p99_ns) + " (the tester)" : ""]),
		tile("other faults", count(faults), "", ["reordered, duplicate,", "corrupt, misdelivered"], faults > 0));
}

function showTables(s) {
	const keys = ["sent", "received", "lost", "reordered", "reorder_max", "duplicate", "corrupt", "misdelivered", "unattributed", "slipped"];

	table("counters", ["", "asked/s", "sent/s", "received/s", "sent", "received", "lost", "reordered", "extent", "dup.", "corrupt", "misdel.",
		"unattr.", "slipped"], s.directions.map((d) => {
		const id = "d" + d.direction + ".";

		return [directionName(d), d.asked_pps === null ? "max" : count(d.asked_pps), [count(d.tx_pps), d.tx_pps, id + "tx_pps"],
			[count(d.rx_pps), d.rx_pps, id + "rx_pps"]].concat(keys.map((k) => [count(d.total[k]), d.total[k], id + "total." + k,
			k !== "sent" && k !== "received" && d.total[k] > 0 ? "bad" : ""]));
	}));
	const lkeys = ["min_ns", "mean_ns", "p50_ns", "p90_ns", "p99_ns", "p999_ns", "max_ns", "jitter_ns"];
	const line = (name, l, id) => [name].concat(lkeys.map((k) => [us(l ? l[k] : null), l ? l[k] : null, id + k]));

	table("latency", ["this second", "min", "mean", "median", "p90", "p99", "p99.9", "max", "jitter"],
		s.directions.map((d) => line(directionName(d), d.latency, "d" + d.direction + ".latency."))
			.concat(state.floor ? [line("floor (the tester alone)", state.floor, "floor.")] : []));
}

function niceStep(range, n) {
	const raw = range / n, base = Math.pow(10, Math.floor(Math.log10(raw))), m = raw / base;

	return base * (m <= 1 ? 1 : m <= 2 ? 2 : m <= 5 ? 5 : 10);
}

function drawAxis(g, w, h, left, low, high, log, y) {
	const ticks = [];

	if (log) {
		for (let e = Math.floor(low); e <= high; e++)
			[1, 2, 5].forEach((m) => {
				const l = e + Math.log10(m);

				if (l >= low - 1e-9 && l <= high + 1e-9 && (m === 1 || high - low <= 2)) ticks.push(Math.pow(10, l));
			});
	} else
		for (let v = 0, step = niceStep(high, 4); v <= high * 1.001; v += step) ticks.push(v);
	ticks.forEach((v) => {
		g.append(svg("line", { class: "grid", x1: left, x2: w - 6, y1: y(v), y2: y(v) }));
		g.append(svg("text", { x: left - 6, y: y(v) + 4, "text-anchor": "end" },
			v >= 1e6 ? +(v / 1e6).toPrecision(4) + "M" : v >= 1e3 ? +(v / 1e3).toPrecision(4) + "k" : String(+v.toPrecision(4))));
	});
}

/* One plot over the last ten minutes; lines: [name, function of a direction of a sample]. */
function plot(title, unit, lines, log) {
	const room = $("plots").clientWidth, cols = Math.max(1, Math.floor((room + 12) / 372));
	const w = Math.max(240, Math.floor((room - 12 * (cols - 1)) / cols) - 26);
	const h = 190, left = 46, bottom = 20, top = 8;
	const figure = element("figure"), caption = element("figcaption"), g = svg("svg", { viewBox: `0 0 ${w} ${h}`, role: "img" });
	const dirs = [...new Set(samples.flatMap((s) => s.directions.map((d) => d.direction)))].sort();
	const now = samples.length ? samples[samples.length - 1].time : 0;
	const span = Math.max(60, Math.min(600, samples.length ? now - samples[0].time : 0));
	const series = [];

	dirs.forEach((dir) => lines.forEach(([name, f]) => {
		const points = [];

		samples.forEach((s) => {
			const d = s.directions.find((x) => x.direction === dir);
			const v = d ? f(d, s) : null;

			if (s.time >= now - 600) points.push([s.time - now, known(v) && (!log || v > 0) ? v : null]);
		});
		series.push([name + (dirs.length > 1 ? (dir === 0 ? " 0\u21921" : " 1\u21920") : ""), points]);
	}));
	const values = series.flatMap(([, p]) => p.map((x) => x[1]).filter(known));
	let low = 0, high = values.length ? Math.max(...values) * 1.08 : 1;

	if (!(high > 0)) high = 1;
	if (log) {
		low = values.length ? Math.floor(Math.log10(Math.min(...values)) * 2) / 2 : 0;
		high = values.length ? Math.ceil(Math.log10(Math.max(...values)) * 2 + 0.01) / 2 : 1;
	}
	const x = (t) => left + (1 + t / span) * (w - left - 6);
	const y = (v) => h - bottom - (((log ? Math.log10(v) : v) - low) / (high - low)) * (h - bottom - top);

	drawAxis(g, w, h, left, low, high, log, y);
	for (let k = 0; k <= 4; k++)
		g.append(svg("text", { x: x(-span * k / 4), y: h - 4, "text-anchor": k === 0 ? "end" : k === 4 ? "start" : "middle" },
			k === 0 ? "now" : "-" + (span * k / 4 >= 120 ? Math.round(span * k / 240) + " min" : Math.round(span * k / 4) + " s")));
	caption.append(element("strong", title + ", " + unit));
	series.forEach(([name, points], i) => {
		const c = element("span"), key = element("i", null, { class: "b" + i % 6 });
		let path = "", pen = false;

		points.forEach(([t, v]) => {
			if (v === null) pen = false;
			else {
				path += (pen ? "L" : "M") + x(t).toFixed(1) + " " + y(v).toFixed(1);
				pen = true;
			}
		});
		g.append(svg("path", { class: "line s" + i % 6, d: path }));
		c.append(key, document.createTextNode(name));
		caption.append(c);
	});
	g.setAttribute("aria-label", title + " over the last " + Math.round(span) + " seconds; the last values are in the tables below");
	figure.append(caption, g);
	return figure;
}

function showPlots() {
	const rate = (k) => (d, s) => s.seconds > 0 ? d.second[k] / s.seconds : null;
	const lat = (k) => (d) => d.latency ? d.latency[k] / 1000 : null;

	$("plots").replaceChildren(
		plot("Rate", "frames/s", [["sent", (d) => d.tx_pps], ["received", (d) => d.rx_pps]], false),
		plot("Latency", "\u00b5s", [["median", lat("p50_ns")], ["p99", lat("p99_ns")], ["max", lat("max_ns")]], true),
		plot("Faults", "frames/s", [["lost", rate("lost")], ["reordered", rate("reordered")],
			["dup. or corrupt", (d, s) => s.seconds > 0 ? (d.second.duplicate + d.second.corrupt) / s.seconds : null]], false));
}

function showState() {
	document.title = (state.title ? state.title + " - " : "") + "ipgen";
	$("title").textContent = state.title || "ipgen";
	$("test").textContent = [state.test, state.size ? state.size + " octets" : "", state.running ? "running" : "between trials"].filter(Boolean).join(", ");
	$("progress").textContent = state.progress || "";
	$("about").textContent = [state.dut ? "DUT: " + state.dut : "", (state.ports || []).map((p, i) => "port " + i + ": " + p).join("; "),
		state.command, "ipgen " + (state.version || "")].filter(Boolean).join(" \u00b7 ");
}

function showRows() {
	const list = [...rows.values()].sort((a, b) => b.number - a.number).slice(0, 200);

	$("series").hidden = list.length === 0;
	table("rows", ["#", "test", "size", "offered/s", "of line", "Mbit/s L2", "Mbit/s L1", "lost", "median \u00b5s", "p99 \u00b5s", "result"], list.map((r) => {
		const dirs = r.result.directions, lost = dirs.reduce((a, d) => a + d.lost, 0), sent = dirs.reduce((a, d) => a + d.sent, 0);
		const worst = (k) => dirs.map((d) => d.latency && d.latency[k]).filter(known).reduce((a, b) => Math.max(a, b), -1);
		const value = known(r.value) && r.final ? ": " + count(r.value) + " " + r.value_unit : "";

		return [String(r.number), r.test + (r.final ? " (result)" : ""), r.size, [count(r.offered_pps), r.offered_pps, "row" + r.number + ".offered_pps"],
			known(r.line_percent) ? r.line_percent.toFixed(2) + " %" : "-", known(r.offered_bps_l2) ? (r.offered_bps_l2 / 1e6).toFixed(3) : "-",
			known(r.offered_bps_l1) ? (r.offered_bps_l1 / 1e6).toFixed(3) : "-", percent(sent > 0 ? lost / sent : null),
			worst("p50_ns") >= 0 ? us(worst("p50_ns")) : "-", worst("p99_ns") >= 0 ? us(worst("p99_ns")) : "-",
			[(r.pass ? "pass" : "no") + value + (r.note ? ", " + r.note : ""), r.pass ? 1 : 0, "row" + r.number + ".pass", r.pass ? "good" : "bad"]];
	}));
}

function draw() {
	const s = samples[samples.length - 1];

	dirty = false;
	if (s && s.directions.length) {
		showTiles(s);
		showTables(s);
		document.body.dataset.sample = s.number;
	}
	showPlots();
}

function redraw() {
	if (!dirty) {
		dirty = true;
		setTimeout(draw, 50);
	}
}

function takeSample(s) {
	if (s.number <= last) return;
	last = s.number;
	samples.push(s);
	if (samples.length > MOST) samples.shift();
	redraw();
}

function takeState(s) {
	/* another ipgen answers: its numbers begin again */
	if (s.last < last) {
		samples.length = last = 0;
		rows.clear();
	}
	state = s;
	if (s.row) {
		rows.clear();
		s.row.forEach((r) => rows.set(r.number, r));
		showRows();
	}
	showState();
}

function link(text, kind) {
	$("link").textContent = text;
	$("link").className = "state " + kind;
}

async function poll() {
	try {
		const got = await (await fetch("samples.json?since=" + last)).json();

		takeState(await (await fetch("state.json")).json());
		got.samples.forEach(takeSample);
		link("live (asking)", "live");
	} catch {
		link("ipgen does not answer", "gone");
	}
}

function listen() {
	const source = new EventSource("live");

	source.onopen = async () => {
		clearInterval(polling);
		polling = null;
		link("live", "live");
		waiting = []; /* what comes while that from before is fetched */
		try {
			(await (await fetch("samples.json?since=" + last)).json()).samples.forEach(takeSample);
		} catch { /* what comes now is shown all the same */ }
		waiting.forEach(takeSample);
		waiting = null;
	};
	source.addEventListener("sample", (e) => waiting ? waiting.push(JSON.parse(e.data)) : takeSample(JSON.parse(e.data)));
	source.addEventListener("state", (e) => takeState(JSON.parse(e.data)));
	source.addEventListener("rows", (e) => {
		JSON.parse(e.data).forEach((r) => rows.set(r.number, r));
		showRows();
	});
	source.onerror = () => {
		link("ipgen does not answer", "gone");
		if (polling === null) polling = setInterval(poll, 2000);
	};
}

let resizing = null;
addEventListener("resize", () => {
	clearTimeout(resizing);
	resizing = setTimeout(redraw, 150);
});
draw();
listen();
