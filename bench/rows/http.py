"""HTTP: one large file to 200 clients, and small ones rendered per node. Peer: nginx with sendfile, tcp_nopush, open_file_cache."""
import os
import re
import time

import lab as labs
from measure import Result, Row

NODES = 1000
NGINX = """
daemon off; master_process on; worker_processes {workers}; pid {dir}/nginx.pid; error_log {dir}/error.log;
user root; worker_rlimit_nofile 20000;
events {{ worker_connections 4096; multi_accept on; }}
http {{
  access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; keepalive_timeout 65; keepalive_requests 1000000;
  open_file_cache max=20000 inactive=60s; open_file_cache_valid 60s; default_type application/octet-stream;
  client_body_temp_path {dir}; proxy_temp_path {dir}; fastcgi_temp_path {dir}; uwsgi_temp_path {dir}; scgi_temp_path {dir};
  server {{ listen 80 backlog=4096; root {dir}/www; }}
}}
"""


def mac(number):
    return f"52:54:00:98:{number >> 8:02x}:{number & 255:02x}"


def config_name(lab, number):
    return f"image/{lab.image_id(lab.image_root(), 'esx')}/01-{mac(number).replace(':', '-')}/boot.cfg"


def fleet(lab):
    """A --root with 1,000 nodes whose boot.cfg is 2 kB long."""
    root = lab.image_root()
    yaml = ["networks:\n  bench: {subnet: 10.98.0.0/16, pool: 10.98.64.1-10.98.127.254}\n", "profiles:\n  p: {image: esx}\nnodes:\n"]
    yaml += [f"  n{i}: {{mac: \"{mac(i)}\", ip: 10.98.{16 + (i >> 8)}.{i & 255}, profile: p}}\n" for i in range(1, NODES + 1)]
    path = lab.path("http.yaml")
    with open(path, "w", encoding="utf-8") as f:
        f.writelines(yaml)
    lab.do(root, "apply", path)
    return root


def get(lab, name):
    done = lab.client("curl", "-sS", "-f", "-o", lab.path("got"), f"http://{labs.SERVER}/{name}")
    if done.returncode:
        raise SystemExit(f"bench: curl of {name}: {done.stderr}")
    with open(lab.path("got"), "rb") as f:
        return f.read()


def start_bootherd(lab):
    return lab.serve(fleet(lab))


def start_nginx(lab):
    """Serves what bootherd serves, byte for byte."""
    www = lab.path("www")
    if not os.path.exists(www):
        root = fleet(lab)
        ours, folder = lab.serve(root), f"image/{lab.image_id(root)}"
        for name in [config_name(lab, i) for i in range(1, NODES + 1)]:
            os.makedirs(os.path.dirname(os.path.join(www, name)), exist_ok=True)
            with open(os.path.join(www, name), "wb") as f:
                f.write(get(lab, name))
        os.makedirs(os.path.join(www, folder))
        os.symlink(os.path.join(lab.cache, "image/initrd"), os.path.join(www, folder, "initrd"))
        ours.stop(lab)
    conf = lab.path("nginx.conf")
    with open(conf, "w", encoding="utf-8") as f:
        f.write(NGINX.format(dir=lab.dir, workers=os.cpu_count()))
    process = lab.spawn_server(lab.peer("nginx"), "-p", lab.dir, "-c", conf, "-e", lab.path("error.log"))
    process.wait_for(lambda: lab.listens("tcp", 80), "nginx")
    return process


def start_limit(lab, content):
    process = lab.spawn_server(lab.limit("http"), labs.SERVER, content)
    process.wait_for(lambda: lab.listens("tcp", 80), "the limit's server")
    return process


START = {"bootherd": start_bootherd, "nginx": start_nginx}


def wrk(lab, connections, seconds, url, script=None):
    words = [lab.peer("wrk"), "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s"]
    if script:
        words += ["-s", script]
    done = lab.client(*words, url)
    said = done.stdout
    counts = re.search(r"(\d+) requests in ([\d.]+)(m?s|m),", said)
    if not counts:
        raise SystemExit(f"bench: wrk: {said}{done.stderr}")
    errors = sum(int(n) for n in re.findall(r"(?:connect|read|write|timeout) (\d+)", said))
    errors += int((re.search(r"Non-2xx or 3xx responses: (\d+)", said) or [0, 0])[1])
    return int(counts[1]), errors


def large(lab, server):
    seconds = 2 if lab.options.short else 8
    content = os.path.join(lab.cache, "image/initrd")
    process = start_limit(lab, content) if server == "limit" else START[server](lab)
    name = f"image/{lab.image_id(lab.image_root())}/initrd"
    with open(content, "rb") as f:
        if get(lab, name) != f.read():
            raise SystemExit(f"bench: {server} sends other bytes")
    watch = labs.Watch(process.pid)
    cpu, began, sent = process.cpu_seconds(), time.monotonic(), received(lab)
    _, errors = wrk(lab, 200, seconds, f"http://{labs.SERVER}/{name}")
    size, took = (received(lab) - sent) / 1e9, time.monotonic() - began
    result = Result(rate=size * 1000 / took, cpu=(process.cpu_seconds() - cpu) / size, memory=watch.end(), failures=errors)
    process.stop(lab)
    return result


def received(lab):
    """Bytes that have come to the clients: wrk tells only of whole answers."""
    return int(lab.client("cat", "/sys/class/net/c0/statistics/rx_bytes").stdout)


def small(lab, server, keep_alive):
    seconds = 2 if lab.options.short else 6
    if server == "limit":
        ours = start_bootherd(lab)
        with open(lab.path("small"), "wb") as f:
            f.write(get(lab, config_name(lab, 7)))
        ours.stop(lab)
    process = start_limit(lab, lab.path("small")) if server == "limit" else START[server](lab)
    script = lab.path("paths.lua")
    path = config_name(lab, 0).replace("00-00/boot", "%02x-%02x/boot")
    with open(script, "w", encoding="ascii") as f:
        f.write("local n = 0\n" + ("" if keep_alive else 'wrk.headers["Connection"] = "close"\n') +
                f"request = function()\n  n = n % {NODES} + 1\n"
                f'  return wrk.format("GET", string.format("/{path}", math.floor(n / 256), n % 256))\nend\n')
    want = get(lab, config_name(lab, 7))
    if not 1500 < len(want) < 2600:
        raise SystemExit(f"bench: the rendered config has {len(want)} bytes")
    wrk(lab, 50, 1, f"http://{labs.SERVER}/", script)
    watch, cpu = labs.Watch(process.pid), process.cpu_seconds()
    began = time.monotonic()
    requests, errors = wrk(lab, 50, seconds, f"http://{labs.SERVER}/", script)
    took = time.monotonic() - began
    used = process.cpu_seconds() - cpu
    result = Result(rate=requests / used, cpu=used * 1e6 / requests, memory=watch.end(), failures=errors,
                    extra={"requestsPerSecond": requests / took})
    process.stop(lab)
    return result


ROWS = [
    Row("http-large", "HTTP, 64 MB to 200 clients", "MB/s", "1.2 of nginx's rate, at most 0.25 CPU s/GB",
        large, ["bootherd", "nginx"], limit=lambda lab: large(lab, "limit"), cpu_unit="CPU s/GB",
        met=lambda s: s.ratio() >= 1.2 and s.median("bootherd", "cpu") <= 0.25),
    Row("http-small-keep", "HTTP, 2 kB rendered per node, keep-alive", "requests a CPU second", "1.2 of nginx's requests/s a core",
        lambda lab, server: small(lab, server, True), ["bootherd", "nginx"], limit=lambda lab: small(lab, "limit", True), cpu_unit="us of CPU",
        met=lambda s: s.ratio() >= 1.2, note="nginx serves the same bytes as static files"),
    Row("http-small-close", "HTTP, 2 kB rendered per node, a connection each", "requests a CPU second",
        "1.2 of nginx's requests/s a core", lambda lab, server: small(lab, server, False), ["bootherd", "nginx"], limit=lambda lab: small(lab, "limit", False),
        cpu_unit="us of CPU", met=lambda s: s.ratio() >= 1.2, note="nginx serves the same bytes as static files"),
]
