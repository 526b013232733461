# chart.awk - a chart as SVG, from growth.csv or results.csv; after csv.awk.
#
#   -v work=NAME     a growth: a line for each program, medians, with the
#                    range of the rounds as a bar
#   -v work=ratios   the ratios of results.csv that have a figure to reach:
#                    a dot for the median, the quartiles and the extremes as
#                    bars, the figure to reach as a mark
#   -v heading= -v xlabel= -v ylabel=
#   -v bytes=1       x is a number of bytes
#   -v slope=1       also a dotted line that grows as x does
#
# Both axes are logarithmic.  The colours change with those of the reader.

BEGIN {
	W = 720
	left = 62
	right = 200
	top = 40
	H = 400
	bottom = 52
	colours = 6
}

FNR > 1 && work == "ratios" && split_line($0, f) == 8 {
	read_result(f)
	next
}

FNR > 1 && split_line($0, f) == 8 && f[1] == work {
	v = worth(f[3], f[4], f[8])
	if (v <= 0)
		next
	if (!(f[7] in line_of)) {
		line_of[f[7]] = ++lines
		label[lines] = f[7]
	}
	l = line_of[f[7]]
	if (!((l, f[5]) in many))
		xs[l, ++points[l]] = f[5]
	values[l, f[5], ++many[l, f[5]]] = v
	range_x(f[5])
	range_y(v)
}

function range_x(x)
{
	if (xmin == "" || x + 0 < xmin)
		xmin = x + 0
	if (xmax == "" || x + 0 > xmax)
		xmax = x + 0
}

function range_y(y)
{
	if (ymin == "" || y < ymin)
		ymin = y
	if (ymax == "" || y > ymax)
		ymax = y
}

function floor(x)
{
	return x == int(x) || x > 0 ? int(x) : int(x) - 1
}

function power(base, exponent)
{
	return exp(log(base) * exponent)
}

# nice V UP: the next of 1, 2 and 5 times a power of ten
function nice(v, up,    p, m)
{
	p = power(10, floor(log(v) / log(10) + 0.0001))
	m = v / p
	if (up)
		return p * (m <= 1.001 ? 1 : m <= 2.001 ? 2 : \
		    m <= 5.001 ? 5 : 10)
	return (m >= 4.999 ? 5 : m >= 1.999 ? 2 : 1) * p
}

function widen_y()
{
	ymin = nice(ymin, 0)
	ymax = nice(ymax, 1)
	if (ymax / ymin < 10)
		ymin = nice(ymax / 10.001, 0)
}

function place_x(x)
{
	if (xmax == xmin)
		return left
	return left + (log(x) - log(xmin)) / (log(xmax) - log(xmin)) * \
	    (W - left - right)
}

function place_y(y)
{
	return H - bottom - (log(y) - log(ymin)) / (log(ymax) - log(ymin)) * \
	    (H - bottom - top)
}

function escaped(text)
{
	gsub(/&/, "\\&amp;", text)
	gsub(/</, "\\&lt;", text)
	gsub(/>/, "\\&gt;", text)
	return text
}

function text(x, y, class, anchor, words)
{
	printf "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\" " \
	    "text-anchor=\"%s\">%s</text>\n", x, y, class, anchor,
	    escaped(words)
}

function rule(x1, y1, x2, y2, class)
{
	printf "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" " \
	    "class=\"%s\"/>\n", x1, y1, x2, y2, class
}

# 0.001, 10, 2,000; or 64 K
function short(v, is_bytes)
{
	v += 0
	if (is_bytes && v >= 1024) {
		if (v >= 1073741824)
			return v / 1073741824 " G"
		return v >= 1048576 ? v / 1048576 " M" : v / 1024 " K"
	}
	v = sprintf("%.6g", v)
	if (v ~ /^[0-9][0-9][0-9][0-9]+$/)
		v = substr(v, 1, length(v) - 3) "," substr(v, length(v) - 2)
	return v
}

function begin(    light, dark, i, n)
{
	n = split("#1f5fbf #c2410c #15803d #7c3aed #a16207 #be185d", light, " ")
	split("#7db2ff #ff9d66 #5fd48a #c4a2ff #e8c34d #ff8cc0", dark, " ")
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" " \
	    "height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\">\n", W, H, W, H
	printf "<title>%s</title>\n<style>\n", escaped(heading)
	print "text { font: 12px sans-serif; fill: #1f2328 }"
	print ".heading { font-weight: bold; font-size: 14px }"
	print ".page { fill: #ffffff }"
	print ".grid { stroke: #d0d7de; stroke-width: 1 }"
	print ".axis { stroke: #57606a; stroke-width: 1 }"
	print ".slope { stroke: #57606a; stroke-dasharray: 2 4 }"
	print ".line { fill: none; stroke-width: 2 }"
	print ".goal { stroke: #1f2328; stroke-width: 2 }"
	for (i = 1; i <= n; i++)
		printf ".c%d { stroke: %s } .f%d { fill: %s }\n", i, light[i],
		    i, light[i]
	print "@media (prefers-color-scheme: dark) {"
	print "text { fill: #e6edf3 }"
	print ".page { fill: #0d1117 }"
	print ".grid { stroke: #30363d }"
	print ".axis, .slope { stroke: #9198a1 }"
	print ".goal { stroke: #e6edf3 }"
	for (i = 1; i <= n; i++)
		printf ".c%d { stroke: %s } .f%d { fill: %s }\n", i, dark[i],
		    i, dark[i]
	print "}\n</style>"
	printf "<rect width=\"%d\" height=\"%d\" class=\"page\"/>\n", W, H
	text(12, 22, "heading", "start", heading)
}

function axes(    y, l, p, x, last, seen)
{
	for (y = ymin; y <= ymax * 1.001; y = nice(y * 1.01, 1)) {
		# 2 and 5 only where there is room for them
		if (ymax / ymin > 1000 &&
		    y > power(10, floor(log(y) / log(10) + 0.0001)) * 1.01)
			continue
		rule(left, place_y(y), W - right, place_y(y), "grid")
		text(left - 6, place_y(y) + 4, "tick", "end", short(y, 0))
	}
	last = -100
	for (l = 1; l <= lines; l++)
		for (p = 1; p <= points[l]; p++) {
			x = xs[l, p]
			if (x in seen)
				continue
			seen[x] = 1
			rule(place_x(x), H - bottom, place_x(x),
			    H - bottom + 4, "axis")
			if (place_x(x) - last < 34)
				continue
			last = place_x(x)
			text(last, H - bottom + 18, "tick", "middle",
			    short(x, bytes))
		}
	rule(left, H - bottom, W - right, H - bottom, "axis")
	rule(left, top, left, H - bottom, "axis")
	text((left + W - right) / 2, H - 12, "label", "middle", xlabel)
	printf "<text transform=\"translate(16 %d) rotate(-90)\" " \
	    "text-anchor=\"middle\">%s</text>\n", (top + H - bottom) / 2,
	    escaped(ylabel)
}

function draw_line(l,    p, i, n, x, list, path, class)
{
	class = (l - 1) % colours + 1
	for (p = 1; p <= points[l]; p++) {
		x = xs[l, p]
		n = many[l, x]
		for (i = 1; i <= n; i++)
			list[i] = values[l, x, i]
		sort(list, n)
		end_y[l] = quantile(list, n, 0.5)
		path = path sprintf("%s%.1f %.1f", p == 1 ? "M" : " L",
		    place_x(x), place_y(end_y[l]))
		printf "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" " \
		    "class=\"f%d\"/>\n", place_x(x), place_y(end_y[l]), class
		if (n > 1)
			rule(place_x(x), place_y(list[1]), place_x(x),
			    place_y(list[n]), "c" class)
	}
	printf "<path d=\"%s\" class=\"line c%d\"/>\n", path, class
}

# Names at the ends of the lines, moved apart where these are close
function names(    l, i, order, at, y)
{
	for (l = 1; l <= lines; l++) {
		at[l] = place_y(end_y[l])
		order[l] = l
		for (i = l; i > 1 && at[order[i - 1]] > at[order[i]]; i--) {
			y = order[i]
			order[i] = order[i - 1]
			order[i - 1] = y
		}
	}
	y = top
	for (i = 1; i <= lines; i++) {
		l = order[i]
		if (at[l] < y)
			at[l] = y
		y = at[l] + 16
	}
	y = H - bottom
	for (i = lines; i >= 1; i--) {
		l = order[i]
		if (at[l] > y)
			at[l] = y
		y = at[l] - 16
		text(W - right + 10, at[l] + 4, "f" (l - 1) % colours + 1,
		    "start", label[l])
	}
}

# How it would grow in proportion
function draw_slope()
{
	rule(left + 12, top + 8, left + 36, top + 8, "slope")
	text(left + 42, top + 12, "tick", "start", "in proportion")
	if (xmax / xmin > ymax / ymin)
		rule(place_x(xmax / (ymax / ymin)), place_y(ymin),
		    place_x(xmax), place_y(ymax), "slope")
	else
		rule(place_x(xmin), place_y(ymin), place_x(xmax),
		    place_y(ymin * xmax / xmin), "slope")
}

# --- Ratios: one under the other

function ratio_chart(    w, p, n, i, y, x, goal, less, step)
{
	for (w = 1; w <= works; w++)
		for (p = 1; p <= count[order[w]]; p++) {
			goal = reach[order[w], peers[order[w], p]]
			if (goal == "-" ||
			    ratios(order[w], peers[order[w], p]) == 0)
				continue
			less = sub(/^</, "", goal)
			shown++
			row_name[shown] = title[order[w]]
			row_peer[shown] = peers[order[w], p]
			# Ahead is to the right, also where less is better.
			row_goal[shown] = less ? 1 / goal : goal + 0
			r1[shown] = less ? 1 / greatest : least
			r2[shown] = less ? 1 / upper : lower
			r3[shown] = less ? 1 / middle : middle
			r4[shown] = less ? 1 / lower : upper
			r5[shown] = less ? 1 / least : greatest
			range_x(r1[shown])
			range_x(r5[shown])
			range_x(row_goal[shown])
		}
	left = 450
	right = 24
	W = 980
	top = 58
	H = top + shown * 22 + bottom
	xmin = power(2, floor(log(xmin) / log(2) + 0.001))
	xmax = power(2, -floor(-log(xmax) / log(2) + 0.001))
	begin()
	text(left - 10, top - 12, "tick", "end", "work, beside")
	for (x = xmin; x <= xmax * 1.001; x *= 2) {
		rule(place_x(x), top, place_x(x), H - bottom,
		    x == 1 ? "axis" : "grid")
		text(place_x(x), H - bottom + 18, "tick", "middle",
		    short(x, 0))
	}
	text((left + W - right) / 2, H - 12, "label", "middle", xlabel)
	for (i = 1; i <= shown; i++) {
		y = top + i * 22 - 8
		text(left - 10, y + 4, "tick", "end",
		    row_name[i] ", " row_peer[i])
		draw_ratio(i, y, r3[i] >= row_goal[i] ? 1 : 2)
	}
}

function draw_ratio(i, y, class)
{
	rule(place_x(r1[i]), y, place_x(r5[i]), y, "c" class)
	printf "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"6\" " \
	    "class=\"f%d\"/>\n", place_x(r2[i]), y - 3,
	    place_x(r4[i]) - place_x(r2[i]) + 0.5, class
	printf "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"5\" class=\"f%d\"/>\n",
	    place_x(r3[i]), y, class
	rule(place_x(row_goal[i]), y - 8, place_x(row_goal[i]), y + 8, "goal")
}

END {
	if (work == "ratios") {
		ratio_chart()
		print "</svg>"
		exit 0
	}
	if (lines == 0) {
		print "chart.awk: no data of " work > "/dev/stderr"
		exit 1
	}
	widen_y()
	begin()
	axes()
	if (slope)
		draw_slope()
	for (l = 1; l <= lines; l++)
		draw_line(l)
	names()
	print "</svg>"
}
