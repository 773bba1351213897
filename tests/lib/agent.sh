# shellcheck shell=bash
# Hosts' agents, played by curl in the namespace LAB_NS-$AGENT_LAB (docs/agent.md has the protocol). The caller has a lab (lab.sh), and
# sets AGENT_URL to the server's address, AGENT_BOOTHERD to the program and AGENT_LAB to the name of the hosts' namespace, whose
# card is br0 and has every host's address.

declare -A agent_identity

# agent_boots NAME MAC ADDRESS OVERLAY: a simulated machine boots as this node; its overlay has its identity.
agent_boots() {
    LAB_NS=$LAB_NS-$AGENT_LAB lab_run "$AGENT_BOOTHERD" swarm --interface br0 --machines 1 --mac "$2" >"$LAB_DIR/swarm-$1.log" 2>&1
    agent_from "$3" "node/$1/$4" >"$LAB_DIR/overlay-$1"
    agent_identity[$1]=$(tar -xOzf "$LAB_DIR/overlay-$1" --wildcards '*etc/bootherd/agent.list' | sed -n 's/^boot|\([^|]*\)|.*/\1/p')
    [ -n "${agent_identity[$1]}" ]
}

# agent_from ADDRESS PATH: what curl says.
agent_from() {
    LAB_NS=$LAB_NS-$AGENT_LAB lab_run curl -s -g -m 60 --path-as-is --interface "$1" "$AGENT_URL/$2"
}

# agent_asks NAME ADDRESS PATH
agent_asks() {
    agent_from "$2" "agent/${agent_identity[$1]}/$3"
}

# agent_step NAME ADDRESS 'KIND|LABEL|FILE|TEXT'
agent_step() {
    agent_asks "$1" "$2" "step?$(python3 -c 'import sys, urllib.parse; print(urllib.parse.quote(sys.argv[1], safe="/[]"))' "$3")"
}

# agent_report NAME ADDRESS SEQ WHY: the report's lines (store|..., vm|...) from standard input, in parts of 1,200 bytes; prints
# the last answer.
agent_report() {
    python3 -c '
import sys, urllib.parse
server, seq, why = sys.argv[1:]
text = "report|%s|%s\n" % (seq, why) + sys.stdin.read()
raw = (text + "end|%d\n" % text.count("\n")).encode()
parts = [raw[i:i + 1200] for i in range(0, len(raw), 1200)]
for i, part in enumerate(parts):
    print("url = \"%s/report/%s/%d/%d?%s\"" % (server, seq, i + 1, len(parts), urllib.parse.quote(part, safe="/[]")))
' "$AGENT_URL/agent/${agent_identity[$1]}" "$3" "$4" >"$LAB_DIR/parts-$1"
    LAB_NS=$LAB_NS-$AGENT_LAB lab_run curl -s -g -m 60 --interface "$2" -K "$LAB_DIR/parts-$1" | tail -n 1
}
