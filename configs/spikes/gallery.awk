# The page of configs/spikes/gallery: reads what each run left in its folder, writes OUT/table.tsv and
# OUT/gallery.html, which needs nothing beside itself.

# What stands behind the first "KEY": of a JSON text; "" if it is not there.
function value(text, key,    at, rest) {
    at = index(text, "\"" key "\": ")
    if (!at) return ""
    rest = substr(text, at + length(key) + 4)
    if (substr(rest, 1, 1) == "\"") {
        rest = substr(rest, 2)
        return substr(rest, 1, index(rest, "\"") - 1)
    }
    match(rest, /^[^],}]*/)
    return substr(rest, 1, RLENGTH)
}

function setting(settings, key, fallback,    parts, count, i) {
    count = split(settings, parts, " ")
    for (i = 1; i <= count; i++)
        if (index(parts[i], key "=") == 1) return substr(parts[i], length(key) + 2)
    return fallback
}

function number(x, digits) {
    if (x == "" || x == "null") return ""
    return sprintf("%." digits "f", x)
}

function escaped(text) {
    gsub(/&/, "\\&amp;", text)
    gsub(/</, "\\&lt;", text)
    gsub(/>/, "\\&gt;", text)
    return text
}

# The run's series: loss[name, step], logit[name, step], first to last step.
function read_series(name,    file, line, parts) {
    file = out "/" name "/series"
    while ((getline line <file) > 0) {
        split(line, parts, " ")
        if (parts[2] != "null") loss[name, parts[1]] = parts[2] + 0
        if (parts[4] != "null") logit[name, parts[1]] = parts[4] + 0
        last[name] = parts[1] + 0
    }
    close(file)
}

# What became of the run: means and the steps it took to come back.
function judge(name, begin, faulty,    i, sum, squares, n, mean, deviation, end) {
    for (i = last[name] - 49; i <= last[name]; i++)
        if ((name, i) in loss) tail[name] += loss[name, i] / 50
    if (!begin) return
    for (i = begin - 50; i < begin; i++)
        if ((name, i) in loss) {
            sum += loss[name, i]
            squares += loss[name, i] ^ 2
            n++
        }
    if (!n) return
    mean = sum / n
    deviation = sqrt(squares / n - mean ^ 2)
    end = begin + faulty
    if ((name, end) in loss) after[name] = loss[name, end]
    for (i = end; i <= last[name]; i++)
        if ((name, i) in loss && loss[name, i] <= mean + deviation) {
            recovery[name] = i - end
            return
        }
    recovery[name] = "never"
}

function read_outcome(name,    file, line, parts) {
    file = out "/" name "/outcome"
    while ((getline line <file) > 0) {
        split(line, parts, " ")
        outcome[name, parts[1]] = parts[2]
    }
    close(file)
}

function read_text(file,    line, text) {
    text = ""
    while ((getline line <file) > 0) text = text line "\n"
    close(file)
    return text
}

BEGIN {
    begin["random"] = begin["random10"] = begin["shuffle10"] = 250
    begin["gradient"] = begin["constant"] = begin["nan"] = 250
    faulty["random"] = faulty["gradient"] = faulty["nan"] = 1
    faulty["random10"] = faulty["shuffle10"] = 10
    faulty["constant"] = 80
    usual_beta2["gradient"] = usual_beta2["constant"] = 0.999
}

{
    name = $1
    names[++count] = name
    recipe[name] = $2
    truth[name] = $3
    settings = ""
    for (i = 4; i <= NF; i++) settings = settings " " $i
    all_settings[name] = substr(settings, 2)
    action[name] = setting(settings, "monitor.action", "warn")
    fallback = $2 in usual_beta2 ? usual_beta2[$2] : 0.95
    beta2[name] = setting(settings, "optim.beta2", fallback)
    text = read_text(out "/" name "/explain.json")
    found[name] = value(text, "cause")
    if (found[name] == "" || value(text, "flag") == "none" && found[name] == "none") found[name] = "-"
    flag[name] = value(text, "flag")
    verdict[name] = value(text, "verdict")
    spike_step[name] = value(text, "step")
    spike_loss[name] = value(text, "loss")
    loss_z[name] = value(text, "loss_z")
    norm_z[name] = value(text, "grad_norm_z")
    read_series(name)
    read_outcome(name)
    gone = action[name] == "skip" || action[name] == "rewind"
    judge(name, begin[$2], gone ? 0 : faulty[$2])
}

# ---- the page

function curve(name, series, from, to, low, high, is_log, color,    i, x, y, v, points) {
    points = ""
    for (i = from; i <= to; i++) {
        if (!((name, i) in loss)) continue
        v = series == "logit" ? logit[name, i] : loss[name, i]
        if (is_log) v = log(v > 1e-9 ? v : 1e-9)
        x = 46 + 640 * (i - from) / (to - from)
        y = 186 - 170 * ((v > high ? high : v < low ? low : v) - low) / (high - low)
        points = points sprintf("%.1f,%.1f ", x, y)
    }
    printf "<polyline class='c%d' points='%s'/>\n", color, points >page
}

# A chart of several runs. list: their names; labels: what they are called, separated by |.
function chart(title, list, labels, series, from, to, low, high, is_log, marks,    n, parts, texts, i, y, ticks, v) {
    n = split(list, parts, " ")
    split(labels, texts, "|")
    printf "<figure><figcaption>%s</figcaption>\n<svg viewBox='0 0 700 210' role='img' aria-label='%s'>\n", title, title >page
    if (is_log) {
        low = log(low)
        high = log(high)
    }
    ticks = split(marks, mark, " ")
    for (i = 1; i <= ticks; i++) {
        v = is_log ? log(mark[i]) : mark[i]
        y = 186 - 170 * (v - low) / (high - low)
        printf "<line class='grid' x1='46' x2='686' y1='%.1f' y2='%.1f'/><text x='40' y='%.1f' text-anchor='end'>%s</text>\n", y, y, y + 4, mark[i] >page
    }
    for (i = 0; i <= 4; i++)
        printf "<text x='%.0f' y='204' text-anchor='middle'>%d</text>\n", 46 + 160 * i, from + (to - from) * i / 4 >page
    for (i = n; i >= 1; i--) curve(parts[i], series, from, to, low, high, is_log, i)
    printf "</svg>\n<div class='legend'>" >page
    for (i = 1; i <= n; i++) printf "<span><i class='b%d'></i>%s</span>", i, texts[i] >page
    printf "</div></figure>\n" >page
}

function clean_tail(name) {
    return beta2[name] == 0.999 ? tail["clean-999"] : tail["clean"]
}

function row(name,    delta, what) {
    delta = recipe[name] == "rate" || recipe[name] == "document" ? "" : sprintf("%+.3f", tail[name] - clean_tail(name))
    what = all_settings[name]
    gsub(/optim\.beta2=[0-9.]+ ?/, "", what)
    if (outcome[name, "exit"] == 4) { # stopped: there is no end to compare
        delta = ""
        recovery[name] = "stopped"
    }
    printf "<tr><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td class='%s'>%s</td></tr>\n", \
        recipe[name], beta2[name], what, spike_step[name], number(spike_loss[name], 3), number(loss_z[name], 1), \
        number(norm_z[name], 1), number(after[name], 3), recovery[name], \
        outcome[name, "exit"] == 4 ? "" : number(tail[name], 3), delta, \
        number(logit[name, last[name]], 0), (outcome[name, "skipped"] ? outcome[name, "skipped"] " skipped" : "") (outcome[name, "rewound"] ? outcome[name, "rewound"] " rewound" : ""), \
        truth[name] == found[name] ? "good" : "bad", found[name] (verdict[name] == "" ? "" : " (" verdict[name] ")") >page
    printf "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", name, beta2[name], action[name], truth[name], found[name], \
        verdict[name], number(loss_z[name], 2), number(norm_z[name], 2), after[name], recovery[name], tail[name], delta, \
        outcome[name, "skipped"] + 0, outcome[name, "rewound"] + 0 >table
}

function confusion(    labels, n, i, j, k, right, all) {
    n = split("data numeric optimizer state -", labels, " ")
    for (k = 1; k <= count; k++) {
        if (recipe[names[k]] == "document") continue
        cell[truth[names[k]], found[names[k]]]++
        all++
        right += truth[names[k]] == found[names[k]]
    }
    printf "<h2>Causes found</h2>\n<table class='small'><tr><th>injected \\ found</th>" >page
    for (j = 1; j <= n; j++) printf "<th>%s</th>", labels[j] == "-" ? "no spike" : labels[j] >page
    print "</tr>" >page
    for (i = 1; i <= n; i++) {
        if (labels[i] == "state") continue
        printf "<tr><th>%s</th>", labels[i] == "-" ? "nothing" : labels[i] >page
        for (j = 1; j <= n; j++) printf "<td>%d</td>", cell[labels[i], labels[j]] >page
        print "</tr>" >page
    }
    printf "</table>\n<p>%d of %d right.</p>\n", right, all >page
    printf "%d of %d causes right\n", right, all
}

END {
    page = out "/gallery.html"
    table = out "/table.tsv"
    print "run\tbeta2\taction\ttruth\tfound\tverdict\tloss_z\tgrad_norm_z\tafter\trecovery\ttail\tdelta\tskipped\trewound" >table
    print "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'><meta name='viewport' content='width=device-width'>" >page
    print "<title>Loss spikes: a gallery</title>\n<style>" >page
    print ":root{color-scheme:light dark;--ink:#1f2328;--paper:#fff;--line:#d0d7de;--c1:#6e7781;--c2:#0969da;--c3:#cf222e;--c4:#1a7f37;--c5:#9a6700;--c6:#8250df}" >page
    print "@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--paper:#0d1117;--line:#30363d;--c1:#8b949e;--c2:#58a6ff;--c3:#ff7b72;--c4:#56d364;--c5:#e3b341;--c6:#d2a8ff}}" >page
    print "body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:72rem;margin:2rem auto;padding:0 1rem}" >page
    print "figure{margin:1.5rem 0}figcaption{font-weight:600}svg{width:100%;height:auto}svg text{font-size:11px;fill:var(--ink)}polyline{fill:none;stroke-width:1.4}.grid{stroke:var(--line)}" >page
    print ".c1{stroke:var(--c1)}.c2{stroke:var(--c2)}.c3{stroke:var(--c3)}.c4{stroke:var(--c4)}.c5{stroke:var(--c5)}.c6{stroke:var(--c6)}.legend span{margin-right:1.2rem;white-space:nowrap}.legend i{display:inline-block;width:1rem;height:3px;margin-right:.4rem;vertical-align:middle}" >page
    print ".b1{background:var(--c1)}.b2{background:var(--c2)}.b3{background:var(--c3)}.b4{background:var(--c4)}.b5{background:var(--c5)}.b6{background:var(--c6)}" >page
    print ".wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:13px}td,th{border:1px solid var(--line);padding:.2rem .5rem;text-align:left}td.good{color:var(--c4)}td.bad{color:var(--c3)}pre{overflow-x:auto;border:1px solid var(--line);padding:.8rem;font-size:12px}" >page
    print "</style></head><body>\n<h1>Loss spikes: a gallery</h1>" >page
    printf "<p>A GPT of 0.2 million parameters reads the King James Bible; at batch 250 of 420 something is done to it (configs/spikes), or, in R6, from the start of 300. Seed %s. A clean run ends at %.3f (beta2 0.95) and %.3f (0.999): mean loss of the last 50 steps.</p>\n", seed, tail["clean"], tail["clean-999"] >page
    chart("R1, R2: batches of random tokens", "clean random random10 random10-skip", "clean|one batch|ten in a row|ten, monitor.action: skip", "loss", 220, 340, 2, 8, 0, "2 3 4 5 6 7 8")
    chart("R3: ten batches with shuffled targets", "clean shuffle10 shuffle10-skip", "clean|shuffled|monitor.action: skip", "loss", 220, 340, 2, 5, 0, "2 3 4 5")
    chart("R4: one gradient times 1000, beta2 0.999, no clipping", "clean-999 gradient-999 gradient-999-clip gradient-999-zclip gradient-999-skip gradient-999-rewind", "clean|nothing done|optim.clip: 1|monitor.action: clip|skip|rewind", "loss", 220, 420, 1.75, 4, 0, "2 2.5 3 3.5 4")
    chart("R5: eighty batches of one token, then text again", "clean-999 constant constant-999 constant-999-rewind", "clean|beta2 0.95|beta2 0.999|0.999, rewind", "loss", 220, 420, 0, 5, 0, "0 1 2 3 4 5")
    chart("R6: learning rates: largest attention logit (50: warning, 1000: kept as a spike)", "rate-0.003 rate-0.01 rate-0.03 rate-0.1 rate-0.3 rate-0.3-qk", "0.003|0.01|0.03|0.1|0.3|0.3 with qk_norm", "logit", 1, 300, 1, 100000, 1, "1 10 50 1000 10000 100000")
    chart("R6: their loss, in which nothing stands out", "rate-0.003 rate-0.01 rate-0.03 rate-0.1 rate-0.3 rate-0.3-qk", "0.003|0.01|0.03|0.1|0.3|0.3 with qk_norm", "loss", 1, 300, 2, 6, 0, "2 3 4 5 6")
    print "<h2>Runs</h2>\n<div class='wide'><table><tr><th>recipe</th><th>beta2</th><th>settings</th><th>spike at</th><th>loss</th><th>z</th><th>gradient z</th><th>next batch</th><th>steps to recover</th><th>last 50</th><th>against clean</th><th>attention logit</th><th>done</th><th>cause found (replay)</th></tr>" >page
    for (i = 1; i <= count; i++) row(names[i])
    print "</table></div>\n<p>Spike at: the first one that the monitor kept (capstan explain). Next batch: the first sound one after it. Steps to recover: until a loss is at most one standard deviation above the mean of the 50 before.</p>" >page
    confusion()
    print "<h2>What capstan explain says</h2>" >page
    printf "<h3>R4, beta2 0.999</h3>\n<pre>%s</pre>\n", escaped(read_text(out "/gradient-999/explain.txt")) >page
    printf "<h3>One garbled document in a packed batch, no spike at all</h3>\n<pre>%s</pre>\n", escaped(read_text(out "/document/explain.txt")) >page
    printf "<p>Made in %d seconds by configs/spikes/gallery.</p>\n</body></html>\n", seconds >page
}
