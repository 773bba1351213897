#include "cli/command.h"

#define VM_NAMES                                                                                             \
    "A machine is HOST/NAME or 'HOST/[LABEL] FILE'. HOST may be a range. A name is taken as it is, or as "   \
    "vm "                                                                                                    \
    "list\nshows it (\\n for a line end)."

static const struct cli_option import_options[] = {
    {"name", "NAME", "the image's name in the store; default: made from product, version and build", false},
    {0},
};

static const struct cli_option loader_options[] = {
    {"name", "NAME", "what it is for: the names that bootherd loader list shows; default: by what it is",
     false},
    {0},
};

static const struct cli_option apply_options[] = {
    {"dry-run", NULL, "print the difference, change nothing", false},
    {0},
};

static const struct cli_option doctor_options[] = {
    {"interface", "IF", "look at this network interface, and listen for other DHCP servers there", true},
    {"http-port", "PORT", "TCP port that serve is to use for HTTP, default 80", false},
    {"https-port", "PORT", "TCP port that serve is to use for HTTPS", false},
    {0},
};

static const struct cli_option explain_options[] = {
    {"firmware", "KIND",
     "bios (default), uefi, uefi-http, uefi32, arm64, arm64-http, ipxe or ipxe-uefi: how the machine would "
     "ask",
     false},
    {"at", "TIME", "what it would get then, on the clock of its time_zone: '2026-11-24 07:00'; default: now",
     false},
    {0},
};

static const struct cli_option show_options[] = {
    {"at", "TIME", "what it would boot then, on the clock of its time_zone: '2026-11-24 07:00'; default: now",
     false},
    {0},
};

static const struct cli_option remove_options[] = {
    {"force", NULL, "although profiles or nodes still name it", false},
    {0},
};

static const struct cli_option serve_options[] = {
    {"interface", "IF", "answer machines on this network interface; may be given several times", true},
    {"http-port", "PORT", "TCP port for boot files by HTTP, default 80", false},
    {"https-port", "PORT",
     "boot files by HTTPS on this port too (443), for networks with https: on; certificate: ROOT/tls", false},
    {0},
};

static const struct cli_option set_options[] = {
    {"password", NULL, "ask for root's password on the terminal; only its hash is kept", false},
    {"password-file", "FILE", "read root's password from the first line of FILE (- for standard input)",
     false},
    {"authorized-keys-file", "FILE", "SSH public keys, one a line", false},
    {"welcome-file", "FILE", "text for the machine's console", false},
    {0},
};

static const struct cli_option swarm_options[] = {
    {"interface", "IF", "the network interface that the machines are behind", false},
    {"server", "ADDR", "the boot server; default: whoever answers", false},
    {"only", "dhcp", "an address each, no more", false},
    {"fetch", "FILE|URL", "no DHCP: each machine fetches this file by TFTP, or by HTTP (http://ADDR/FILE)",
     false},
    {"from", "ADDR",
     "--fetch from an address for each machine, this one and the following; default: the interface's", false},
    {"close", NULL, "--fetch by HTTP: a connection a file", false},
    {"expect", "FILE", "compare each byte that arrives with this file of yours", false},
    {"machines", "N", "how many, default 1", false},
    {"at-once", "N", "how many of them at the same time at most, default all", false},
    {"ramp", "N", "so many are started a second at most, default no limit", false},
    {"repeat", "N", "how many times each does it, default 1", false},
    {"attempts", "N", "boots of a machine until it counts as failed, default 5", false},
    {"firmware", "KIND[,KIND...]", "bios (default), bios-ipxe, uefi, uefi-http, ipxe; several: in turn",
     false},
    {"mac", "MAC", "of the first machine, default 02:be:00:00:00:01; the others count on", false},
    {"port", "PORT", "of the server, default 69", false},
    {"blksize", "BYTES", "TFTP: what is asked for, default 1428; 0: nothing", false},
    {"windowsize", "BLOCKS", "TFTP: what is asked for, default nothing", false},
    {"timeout", "MS", "TFTP: silence after which a machine says its last word again, default 4000", false},
    {"tries", "N", "TFTP: so many silences, then it gives up, default 6", false},
    {"loss", "PPM", "of a million packets of DHCP and TFTP, so many are lost each way", false},
    {"delay", "MS", "all that a machine says leaves so much later; by HTTP: each request", false},
    {"rate", "BYTES", "a machine takes in so many bytes a second at most, by TFTP and HTTP", false},
    {"seed", "N", "of what is random, default 1", false},
    {"yes", NULL, "although this is a real network: no namespace of its own, no loopback", false},
    {0},
};

static const struct cli_option vm_history_options[] = {
    {"version", "N", "the list of this version", false},
    {0},
};

static const struct cli_option vm_set_options[] = {
    {"add", "'[LABEL] FILE'", "a machine that is not in the list yet; off, unless --power on", false},
    {"order", "N", "the lower first when the host starts them; default 500", false},
    {"delay", "S", "seconds after it was powered on, before the next", false},
    {"power", "on|off|auto", "on or off whatever its host reports; auto: as its host has it", false},
    {"answer", "WORD", "what ESXi is told when it asks: moved, copied, or none (it waits for people)", false},
    {"name", "NAME", "what it is called; the host's next report may say otherwise", false},
    {"dry-run", NULL, "print what would change, change nothing", false},
    {0},
};

static const struct cli_option vm_move_options[] = {
    {"to", "HOST", "the node that is to have them", false},
    {"take", NULL, "although the old host may have them still: you know that they do not run there", false},
    {"dry-run", NULL, "check and print, change nothing", false},
    {0},
};

static const struct cli_option vm_restore_options[] = {
    {"version", "N", "make the list what it was in this version; vm history has the numbers", false},
    {"dry-run", NULL,
     "without --version: each step of the host's next boot, with its command, and what is held back and why; "
     "with it: what would differ",
     false},
    {0},
};

static const struct cli_option vm_forget_options[] = {
    {"dry-run", NULL, "print what would be forgotten, change nothing", false},
    {0},
};

/* In the order that help prints them. */
const struct cli_command cli_commands[] = {
    {"image inspect", "SOURCE",
     "What is in an image: partitions, product, version, boot files. Writes nothing.",
     "SOURCE: an ISO as the vendor ships it, image.tgz, install.tgz, a disk image (plain or compressed by "
     "gzip,\n"
     "bzip2, xz or zstd), or a folder.",
     1, 1, CLI_ROOT_NONE, NULL, CLI_KEYS_NONE, cli_image_inspect},
    {"image import", "SOURCE [--name NAME]", "Take an image into the store.",
     "SOURCE as for image inspect. An import that is stopped or fails leaves the store as it was.", 1, 1,
     CLI_ROOT_MADE, import_options, CLI_KEYS_NONE, cli_image_import},
    {"image list", "", "The images in the store.", NULL, 0, 0, CLI_ROOT_OPTIONAL, NULL, CLI_KEYS_NONE,
     cli_image_list},
    {"image show", "NAME", "One image: its files in load order, with sizes and digests.", NULL, 1, 1,
     CLI_ROOT_OPTIONAL, NULL, CLI_KEYS_NONE, cli_image_show},
    {"image verify", "[NAME]", "Read every file again and compare it with its digest.", NULL, 0, 1,
     CLI_ROOT_OPTIONAL, NULL, CLI_KEYS_NONE, cli_image_verify},
    {"image remove", "NAME", "Take an image out of the store; machines that boot it now go on.", NULL, 1, 1,
     CLI_ROOT_OPTIONAL, remove_options, CLI_KEYS_NONE, cli_image_remove},
    {"image export", "NAME DIR", "Write an image's files into a new folder.", NULL, 2, 2, CLI_ROOT_OPTIONAL,
     NULL, CLI_KEYS_NONE, cli_image_export},
    {"loader add", "FILE|FOLDER [--name NAME]", "Take a boot loader of your own into the store.",
     "A pxelinux.0 of SYSLINUX 3.86 becomes pxelinux-3.86, which ESXi 5 and later need on BIOS machines; "
     "another is taken under --name. A\n"
     "folder may hold shim and GRUB (Debian's packages unpacked by dpkg-deb -x, or their files), or an iPXE: "
     "undionly.kpxe,\n"
     "snponly.efi, ipxe.efi. What you add takes the place of the packages' until you remove it.",
     1, 1, CLI_ROOT_MADE, loader_options, CLI_KEYS_NONE, cli_loader_add},
    {"loader list", "",
     "The boot loaders: those there are, where from and for what, and how to get the others.", NULL, 0, 0,
     CLI_ROOT_OPTIONAL, NULL, CLI_KEYS_NONE, cli_loader_list},
    {"loader remove", "NAME", "Take a boot loader out of the store.",
     "When bootherd serve starts, it takes in what Debian's packages have installed.", 1, 1,
     CLI_ROOT_OPTIONAL, NULL, CLI_KEYS_NONE, cli_loader_remove},
    {"node set", "NAME [--mac MAC] [--ip ADDR] [--image NAME] [--profile NAME] ...",
     "Add a node, or change it. NAME may be a range: rack[01-32].",
     "An empty value unsets: --profile ''. With a range, --mac takes a list and --ip a range: "
     "10.77.0.[11-42].\n"
     "A running server takes the change at once.",
     1, 1, CLI_ROOT_MADE, set_options, CLI_KEYS_NODE, cli_object_set},
    {"node list", "", "The nodes.", NULL, 0, 0, CLI_ROOT_MADE, NULL, CLI_KEYS_NONE, cli_object_list},
    {"node show", "NAME [--at TIME]",
     "One node, with what it takes from its profile, and what its next boot will do.", NULL, 1, 1,
     CLI_ROOT_MADE, show_options, CLI_KEYS_NONE, cli_object_show},
    {"node remove", "NAME", "Remove a node or a range of nodes.", NULL, 1, 1, CLI_ROOT_MADE, NULL,
     CLI_KEYS_NONE, cli_object_remove},
    {"profile set", "NAME [--image NAME] ...", "Add a profile, or change it: settings that nodes share.",
     NULL, 1, 1, CLI_ROOT_MADE, set_options, CLI_KEYS_PROFILE, cli_object_set},
    {"profile list", "", "The profiles.", NULL, 0, 0, CLI_ROOT_MADE, NULL, CLI_KEYS_NONE, cli_object_list},
    {"profile show", "NAME", "One profile.", NULL, 1, 1, CLI_ROOT_MADE, NULL, CLI_KEYS_NONE, cli_object_show},
    {"profile remove", "NAME", "Remove a profile that no node uses.", NULL, 1, 1, CLI_ROOT_MADE, NULL,
     CLI_KEYS_NONE, cli_object_remove},
    {"network set", "NAME --subnet ADDR/BITS ...",
     "Add a network, or change it: gateway, DNS, pool, lease time.",
     "Without any network, the server uses the subnet of its interface and gives addresses to known nodes "
     "only.",
     1, 1, CLI_ROOT_MADE, NULL, CLI_KEYS_NETWORK, cli_object_set},
    {"network list", "", "The networks.", NULL, 0, 0, CLI_ROOT_MADE, NULL, CLI_KEYS_NONE, cli_object_list},
    {"network show", "NAME", "One network.", NULL, 1, 1, CLI_ROOT_MADE, NULL, CLI_KEYS_NONE, cli_object_show},
    {"network remove", "NAME", "Remove a network.", NULL, 1, 1, CLI_ROOT_MADE, NULL, CLI_KEYS_NONE,
     cli_object_remove},
    {"apply", "FILE.yaml [--dry-run]",
     "Make the fleet what the file says, in one transaction; print the difference.",
     "FILE may be - for standard input.", 1, 1, CLI_ROOT_MADE, apply_options, CLI_KEYS_NONE, cli_apply},
    {"dump", "", "The fleet as YAML that apply takes back unchanged (with password hashes: keep it safe).",
     NULL, 0, 0, CLI_ROOT_MADE, NULL, CLI_KEYS_NONE, cli_dump},
    {"explain", "NODE|MAC [--firmware KIND] [--at TIME]",
     "Exactly what a machine would get now, byte for byte.", NULL, 1, 1, CLI_ROOT_MADE, explain_options,
     CLI_KEYS_NONE, cli_explain},
    {"doctor", "[--interface IF ...]",
     "Everything that stops a boot, looked at beforehand; each finding names its fix.",
     "Interfaces, ports, firewall, other DHCP servers (as root, for 4 seconds), images, boot loaders, "
     "nodes.\n"
     "Changes nothing. Exit status 1 when there is a fault.",
     0, 0, CLI_ROOT_NONE, doctor_options, CLI_KEYS_NONE, cli_doctor},
    {"swarm", "--interface IF [--machines N] [--only dhcp | --fetch FILE] ...",
     "A herd of simulated machines against a boot server.",
     "Each asks by DHCP with a hardware address of its own, and loads what its firmware and the loader it\n"
     "is sent would load, to the last module; nothing is run. Any server will do. A server or an address\n"
     "outside the interface's network is refused. A server's kernel keeps 1,024 neighbours at most: for "
     "more\n"
     "machines, sysctl -w net.ipv4.neigh.default.gc_thresh3=16384 there. Exit status 1 when one failed.",
     0, 0, CLI_ROOT_NONE, swarm_options, CLI_KEYS_NONE, cli_swarm},
    {"serve", "--interface IF ...", "Boot machines: DHCP, TFTP and HTTP on these interfaces, until stopped.",
     NULL, 0, 0, CLI_ROOT_MADE, serve_options, CLI_KEYS_NONE, cli_serve},
    {"status", "[NODE]", "How far each machine's boot got; of one node, the whole story.", NULL, 0, 1,
     CLI_ROOT_MADE, NULL, CLI_KEYS_NONE, cli_status_show},
    {"watch", "[NODE]", "The same, again every second, until stopped.", NULL, 0, 1, CLI_ROOT_MADE, NULL,
     CLI_KEYS_NONE, cli_watch},
    {"vm list", "[RANGE]",
     "The virtual machines of all hosts, or of these: power wanted/seen, and how it stands.",
     "STATE: ok; unseen, off, missing or failed: not as it is wanted; unreachable: its datastore is not\n"
     "mounted; held: another host has it. Hosts whose agent is silent are told below.",
     0, 1, CLI_ROOT_MADE, NULL, CLI_KEYS_NONE, cli_vm},
    {"vm show", "HOST[/NAME]", "All about a host's virtual machines, or about one of them.", VM_NAMES, 1, 1,
     CLI_ROOT_MADE, NULL, CLI_KEYS_NONE, cli_vm},
    {"vm history", "HOST [--version N]", "The versions of a host's list: when, by whom, and what changed.",
     "The last 50 are kept.", 1, 1, CLI_ROOT_MADE, vm_history_options, CLI_KEYS_NONE, cli_vm},
    {"vm set", "HOST[/NAME] [--order N] [--delay S] [--power on|off|auto] ...",
     "Change how virtual machines are restored, or add one.",
     VM_NAMES "\nThe host's agent takes it with its next word. HOST alone: all machines of it.", 1, 1,
     CLI_ROOT_MADE, vm_set_options, CLI_KEYS_NONE, cli_vm},
    {"vm move", "HOST[/NAME] --to HOST [--take]", "Give virtual machines, or all of a host, to another host.",
     "Refused while a machine that is wanted on may run on the old host: until ten minutes after its "
     "agent's\n"
     "last word. --take is for a host that is dead. Its disks stay where they are: the new host needs the\n"
     "same datastore.",
     1, 1, CLI_ROOT_MADE, vm_move_options, CLI_KEYS_NONE, cli_vm},
    {"vm restore", "HOST[/NAME] [--version N] [--dry-run]",
     "Restore again now, or from an older version; --dry-run: what the next boot does.",
     "A version becomes the newest one. HOST/NAME: this machine of it alone.", 1, 1, CLI_ROOT_MADE,
     vm_restore_options, CLI_KEYS_NONE, cli_vm},
    {"vm forget", "HOST[/NAME]",
     "Take virtual machines off a host's list; nothing on a datastore is touched.",
     "vm restore --version N brings them back; a host that is no node any more is forgotten with its\n"
     "history. What runs is not stopped, and comes back with its host's next report.",
     1, 1, CLI_ROOT_MADE, vm_forget_options, CLI_KEYS_NONE, cli_vm},
    {"help", "[COMMAND]", "This list, or one command in full.", NULL, 0, 2, CLI_ROOT_NONE, NULL,
     CLI_KEYS_NONE, cli_help},
    {"version", "", "The version.", NULL, 0, 0, CLI_ROOT_NONE, NULL, CLI_KEYS_NONE, cli_version},
};

const size_t cli_command_count = sizeof cli_commands / sizeof cli_commands[0];
