"""The table of ratios, for people and as JSON."""


def short(value):
    if value is None:
        return "-"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def figure(summary, server):
    text = f"{short(summary.median(server))} {summary.row.unit}"
    if summary.median(server, "cpu") is not None:
        text += f", {short(summary.median(server, 'cpu'))} {summary.row.cpu_unit}"
    memory = max((r.memory or 0 for r in summary.results.get(server, [])), default=0)
    if memory:
        text += f", {memory / (1 << 20):.0f} MiB"
    if summary.extra(server, "p99Ms") is not None:
        text += f", p99 {short(summary.extra(server, 'p99Ms'))} ms"
    failures, timeouts = summary.worst(server, "failures"), summary.worst(server, "timeouts")
    if failures:
        text += f", {failures} failed"
    if timeouts:
        text += f", {timeouts} timeouts"
    return text


def line(summary):
    row, peer = summary.row, summary.best_peer()
    verdict = {True: "met", False: "MISSED", None: ""}[summary.verdict()]
    others = "; ".join(f"{s} {figure(summary, s)}" for s in row.servers[1:] if s != peer and summary.results.get(s))
    return [row.work, figure(summary, "bootherd"), f"{peer} {figure(summary, peer)}" if peer else "-", short(summary.ratio()),
            row.wanted, verdict, f"{short(summary.limit.rate)} {row.unit}" if summary.limit else "-",
            short(summary.ratio_to_limit()), others or "-"]


HEAD = ["work", "bootherd", "best peer", "ratio", "wanted", "", "the machine can", "of that", "other peers"]


def markdown(summaries):
    rows = [HEAD, ["---"] * len(HEAD)] + [line(s) for s in summaries]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in rows)


def text(summaries):
    """One block a row: nine columns are too many for a terminal."""
    blocks = []
    for s in summaries:
        cells = line(s)
        blocks.append(f"{cells[0]}\n" + "\n".join(f"    {HEAD[i] or 'verdict':16}{cells[i]}" for i in range(1, len(HEAD))
                                                  if cells[i] not in ("-", "")))
        if s.row.note:
            blocks[-1] += f"\n    {'':16}({s.row.note})"
    return "\n\n".join(blocks)


def as_json(summaries):
    out = []
    for s in summaries:
        servers = {name: [{k: v for k, v in vars(r).items() if v not in (None, {})} for r in results]
                   for name, results in s.results.items()}
        out.append({"key": s.row.key, "work": s.row.work, "unit": s.row.unit, "cpuUnit": s.row.cpu_unit, "wanted": s.row.wanted,
                    "met": s.verdict(), "bestPeer": s.best_peer(), "ratio": s.ratio(),
                    "limit": s.limit.rate if s.limit else None, "ofLimit": s.ratio_to_limit(), "runs": servers})
    return out
