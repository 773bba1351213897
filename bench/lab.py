"""Two network namespaces joined by a veth pair: the server's and the clients'. Everything a benchmark starts, it stops."""
import atexit
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SERVER = "10.98.0.1"
CLIENT = "10.98.0.2"
PREFIX = 16  # addresses for 10,000 machines
NEIGHBOURS = "/proc/sys/net/ipv4/neigh/default/gc_thresh3"


def run(*command, **options):
    """A command that has to work; its standard output."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, **options)
    if done.returncode:
        raise SystemExit(f"bench: {' '.join(command)}: status {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def children(pid):
    """A process and all below it."""
    pids, at = [pid], 0
    while at < len(pids):
        try:
            for task in os.listdir(f"/proc/{pids[at]}/task"):
                with open(f"/proc/{pids[at]}/task/{task}/children", encoding="ascii") as f:
                    pids += [int(word) for word in f.read().split()]
        except OSError:
            pass
        at += 1
    return pids


def group_folder():
    """Where control groups of version 2 are mounted; None: nowhere."""
    with open("/proc/mounts", encoding="ascii") as f:
        for line in f:
            if line.split()[2] == "cgroup2":
                return line.split()[1]
    return None


def memory_bytes(pid):
    """What a process tree holds now, shared pages counted once."""
    total = 0
    for each in children(pid):
        try:
            with open(f"/proc/{each}/smaps_rollup", encoding="ascii") as f:
                total += sum(int(line.split()[1]) for line in f if line.startswith("Pss:"))
        except OSError:
            pass
    return total * 1024


class Watch(threading.Thread):
    """The largest memory of a process tree, looked at twice a second: a look is not free where a peer has a process a client."""

    def __init__(self, pid, every_s=0.5):
        super().__init__(daemon=True)
        self.pid, self.peak, self.every_s, self.ended = pid, 0, every_s, threading.Event()
        self.start()

    def run(self):
        while True:
            self.peak = max(self.peak, memory_bytes(self.pid))
            if self.ended.wait(self.every_s):
                return

    def end(self):
        self.ended.set()
        self.join()
        return max(self.peak, memory_bytes(self.pid))


class Process:
    """A process of a benchmark, with its log; in a namespace when one is given."""

    def __init__(self, lab, *command, namespace=None, **options):
        self.log = os.path.join(lab.dir, f"{os.path.basename(command[0])}.log")
        within = ["ip", "netns", "exec", namespace] if namespace else []
        # Processes that a server starts are in its group, also those that nobody waits for: tftpd-hpa's.
        self.group = os.path.join(lab.groups, f"bootherd-bench-{os.getpid()}-{len(lab.running)}-{time.monotonic_ns()}")
        os.mkdir(self.group)
        with open(self.log, "wb") as log:
            self.child = subprocess.Popen([*within, *command], stdin=subprocess.DEVNULL, stdout=log,
                                          stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=self.enter, **options)
        self.pid = self.child.pid
        lab.running.append(self)

    def enter(self):
        with open(os.path.join(self.group, "cgroup.procs"), "w", encoding="ascii") as f:
            f.write("0")

    def cpu_seconds(self):
        """User and system time of all that it started."""
        with open(os.path.join(self.group, "cpu.stat"), encoding="ascii") as f:
            return int(f.readline().split()[1]) / 1e6

    def stop(self, lab):
        lab.running.remove(self)
        pids = children(self.pid)
        self.child.terminate()
        try:
            self.child.wait(10)
        except subprocess.TimeoutExpired:
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self.child.wait()
        self.leave()

    def leave(self):
        """Children may end a little later."""
        for _ in range(100):
            try:
                os.rmdir(self.group)
                return
            except OSError:
                with open(os.path.join(self.group, "cgroup.procs"), encoding="ascii") as f:
                    for pid in f.read().split():
                        os.kill(int(pid), signal.SIGKILL)
                time.sleep(0.05)

    def words(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def wait_for(self, ready, what, seconds=30):
        """Until ready() is true; an end of the process or the time is an error."""
        deadline = time.monotonic() + seconds
        while not ready():
            if self.child.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"bench: {what} did not come up:\n{self.words()[-2000:]}")
            time.sleep(0.02)


class Lab:
    def __init__(self, options):
        self.options = options
        self.bootherd = os.path.join(TOP, "build/src/bootherd")
        self.cache = os.path.join(TOP, ".cache/bench")
        self.peers = os.path.join(TOP, ".cache/peers/root")
        self.dir = tempfile.mkdtemp(prefix="bootherd-bench-")
        self.running = []
        self.groups = group_folder()
        self.own_groups = None
        self.neighbours = None
        self.server_ns, self.client_ns = f"bench{os.getpid()}s", f"bench{os.getpid()}c"
        os.chmod(self.dir, 0o755)  # peers give up root
        os.makedirs(self.cache, exist_ok=True)
        atexit.register(self.close)
        if not self.groups:  # as in a chroot
            self.groups = self.path("groups")
            os.mkdir(self.groups)
            run("mount", "-t", "cgroup2", "none", self.groups)
            self.own_groups = self.groups
        for name in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(name, lambda number, frame: exit(128 + number))
        self.open_network()

    def open_network(self):
        for ns in (self.server_ns, self.client_ns):
            run("ip", "netns", "add", ns)
            run("ip", "-n", ns, "link", "set", "lo", "up")
        run("ip", "-n", self.server_ns, "link", "add", "s0", "type", "veth", "peer", "name", "c0", "netns", self.client_ns)
        for ns, interface, address in ((self.server_ns, "s0", SERVER), (self.client_ns, "c0", CLIENT)):
            run("ip", "-n", ns, "address", "add", f"{address}/{PREFIX}", "dev", interface)
            run("ip", "-n", ns, "link", "set", interface, "up")
        self.raise_neighbours()

    def raise_neighbours(self):
        """Room for 10,000 neighbours, the same for all servers. The kernel has one limit for all namespaces: it is put back."""
        with open(NEIGHBOURS, encoding="ascii") as f:
            self.neighbours = f.read().strip()
        if int(self.neighbours) < 40000:
            with open(NEIGHBOURS, "w", encoding="ascii") as f:
                f.write("40000")

    def close(self):
        for process in list(self.running):
            process.stop(self)
        for ns in (self.server_ns, self.client_ns):
            subprocess.run(["ip", "netns", "delete", ns], stderr=subprocess.DEVNULL, check=False)
        if self.own_groups:
            subprocess.run(["umount", self.own_groups], check=False)
        if self.neighbours:
            with open(NEIGHBOURS, "w", encoding="ascii") as f:
                f.write(self.neighbours)
        shutil.rmtree(self.dir, ignore_errors=True)

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def peer(self, name):
        """A peer's program. What the system has installed is no part of the peers' folder: apt-get does not bring it along."""
        for folder in (os.path.join(self.peers, "usr/sbin"), os.path.join(self.peers, "usr/bin"), "/usr/sbin", "/usr/bin"):
            program = os.path.join(folder, name)
            if os.path.exists(program):
                return program
        raise SystemExit(f"bench: {name} is neither below {self.peers} nor installed: run bench/peers.sh")

    def environment(self):
        libraries = os.path.join(self.peers, "usr/lib/x86_64-linux-gnu")
        return {**os.environ, "LD_LIBRARY_PATH": libraries, "LC_ALL": "C"}

    def spawn_server(self, *command):
        return Process(self, *command, namespace=self.server_ns, env=self.environment())

    def client(self, *command, timeout=900):
        return subprocess.run(["ip", "netns", "exec", self.client_ns, *command], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, env=self.environment(), timeout=timeout, check=False)

    def do(self, root, *words, **options):
        """A bootherd command."""
        return run(self.bootherd, "--root", root, *words, **options)

    def listens(self, kind, port):
        flags = "-lunH" if kind == "udp" else "-ltnH"
        return bool(run("ip", "netns", "exec", self.server_ns, "ss", flags, f"sport = :{port}").strip())

    def limit(self, name):
        """A program that does the bare work, to know what the machine can do: bench/limits/NAME.c."""
        source, program = os.path.join(TOP, f"bench/limits/{name}.c"), os.path.join(self.cache, f"limit-{name}")
        if not os.path.exists(program) or os.path.getmtime(program) < os.path.getmtime(source):
            run("gcc", "-O2", "-D_GNU_SOURCE", "-o", program, source)
        return program

    # --- bootherd as a server ---

    def image_root(self):
        """A --root with two images: `bench`, whose initrd is the file that is served everywhere, and `esx`, in the shape of ESXi 6.7
        with 115 modules, whose boot.cfg is rendered. Made once."""
        root = os.path.join(self.cache, "root")
        if not os.path.exists(os.path.join(root, "images/index.json")):
            self.do(root, "image", "import", self.linux_image(), "--name", "bench")
            self.do(root, "image", "import", self.esx_image(), "--name", "esx")
        return root

    def linux_image(self):
        source = os.path.join(self.cache, "image")
        os.makedirs(source, exist_ok=True)
        shutil.copy("/boot/memtest86+x64.bin", os.path.join(source, "vmlinuz"))
        with open(os.path.join(source, "initrd"), "wb") as f:
            f.write(os.urandom(64 << 20))
        return source

    def esx_image(self):
        source = os.path.join(self.cache, "esx")
        os.makedirs(os.path.join(source, "efi/boot"), exist_ok=True)
        modules = [f"module{i:03}.v00" for i in range(115)]
        files = {name: name.encode() for name in ["b.b00", *modules]}
        files["efi/boot/bootx64.efi"] = b"MZ"
        files[".DISCINFO"] = b"ESXi\nVersion: 6.7.0\n"
        files["boot.cfg"] = ("bootstate=0\ntitle=Loading\nkernel=/b.b00\nkernelopt=\nmodules=/" + " --- /".join(modules) +
                             "\nbuild=6.7.0-14320388\nupdated=0\n").encode()
        for name, content in files.items():
            with open(os.path.join(source, name), "wb") as f:
                f.write(content)
        return source

    def image_id(self, root, name="bench"):
        with open(os.path.join(root, "images/index.json"), encoding="utf-8") as f:
            for each in json.load(f)["manifests"]:
                if each["annotations"]["org.opencontainers.image.ref.name"] == name:
                    return each["digest"].removeprefix("sha256:")[:12]
        raise SystemExit(f"bench: no image {name} in {root}")

    def serve(self, root):
        process = self.spawn_server(self.bootherd, "--root", root, "serve", "--interface", "s0")
        process.wait_for(lambda: "serving on " in process.words(), "bootherd serve")
        return process
