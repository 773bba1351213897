#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fleet/fleet_yaml.h"
#include "proc/doctor.h"

#define SERVER 0x0a4d0001u /* 10.77.0.1 */
#define NOW    1700000000000 + 10000000000

static struct doctor_facts *facts;
static struct doctor_report report;
static struct buf out;
static struct error err;
static struct image_file files[4];
static struct image image;

static const char lab[] =
    "networks:\n"
    "  lab: {subnet: 10.77.0.0/24, gateway: 10.77.0.254, pool: 10.77.0.100-10.77.0.109}\n"
    "nodes:\n"
    "  n1: {mac: \"52:54:00:77:00:01\", ip: 10.77.0.11, image: linux}\n";

static void set_fleet(const char *yaml)
{
    fleet_free(facts->fleet);
    if (fleet_parse_yaml("fleet", (struct slice){(const uint8_t *)yaml, strlen(yaml)}, &facts->fleet, &err) <
        0)
        fail_msg("%s", err.text);
}

/* A machine with nothing wrong. */
static int setup(void **state)
{
    static char family[] = "linux", product[] = "Debian", version[] = "12", build[] = "1", arch[] = "amd64",
                none[] = "", kernel[] = "linux", initrd[] = "initrd.gz";
    files[0] = (struct image_file){.name = kernel, .role = IMAGE_ROLE_KERNEL, .size = 1, .unpacked = 1};
    files[1] =
        (struct image_file){.name = initrd, .role = IMAGE_ROLE_MODULE, .order = 1, .size = 1, .unpacked = 1};
    image = (struct image){.family = family,
                           .product = product,
                           .version = version,
                           .build = build,
                           .arch = arch,
                           .kernel_options = none,
                           .file_count = 2,
                           .files = files};
    facts = calloc(1, sizeof *facts);
    facts->fleet = NULL;
    set_fleet(lab);
    facts->now_ms = NOW;
    facts->chosen = true;
    facts->loaders = PLAN_LOADERS_ALL;
    facts->folder = (struct doctor_folder){.path = "/r", .exists = true, .free_bytes = 1u << 31};
    facts->interface[0] = (struct doctor_interface){
        .name = "e0", .exists = true, .up = true, .carrier = true, .mtu = 1500, .probed = true};
    facts->interface[0].address[facts->interface[0].address_count++] = (struct doctor_address){SERVER, 24};
    facts->interface[0].port[0] = (struct doctor_port){.what = "DHCP", .number = 67};
    facts->interface[0].port[1] = (struct doctor_port){.what = "TFTP", .number = 69};
    facts->interface[0].port[2] = (struct doctor_port){.what = "HTTP", .number = 80, .tcp = true};
    facts->interface[0].port_count = 3;
    facts->interface_count = 1;
    facts->image[0] = (struct doctor_image){.name = "linux", .image = &image};
    facts->image_count = 1;
    facts->ruleset = json_loads("{\"nftables\": []}", 0, NULL);
    strcpy(facts->interface_names, "e0, e1");
    return facts->ruleset ? 0 : -1;
}

static int teardown(void **state)
{
    doctor_report_fini(&report);
    buf_fini(&out);
    json_decref(facts->ruleset);
    fleet_free(facts->fleet);
    free(facts);
    return 0;
}

static void judge(void)
{
    doctor_report_fini(&report);
    buf_clear(&out);
    doctor_judge(facts, &report);
    if (doctor_text(&report, &out, &err) < 0)
        fail_msg("%s", err.text);
}

static const struct doctor_finding *find(enum doctor_level level, const char *check, const char *what)
{
    for (size_t i = 0; i < report.count; i++) {
        const struct doctor_finding *f = &report.finding[i];
        if (f->level == level && strcmp(f->check, check) == 0 && strstr(f->what, what))
            return f;
    }
    return NULL;
}

/* A finding of that level, check and text, and its fix. */
static void check_finds(enum doctor_level level, const char *check, const char *what, const char *fix)
{
    judge();
    const struct doctor_finding *f = find(level, check, what);
    if (!f)
        fail_msg("no finding of level %d, check %s with \"%s\":\n%s", level, check, what, buf_text(&out));
    else if (fix && (!f->fix || !strstr(f->fix, fix)))
        fail_msg("no \"%s\" in the fix: %s", fix, f->fix);
    if (level == DOCTOR_FAULT || level == DOCTOR_WARNING)
        assert_non_null(f->fix);
}

static void check_silent(const char *check)
{
    judge();
    for (size_t i = 0; i < report.count; i++)
        if (strcmp(report.finding[i].check, check) == 0 && report.finding[i].level > DOCTOR_OK)
            fail_msg("%s: %s", check, report.finding[i].what);
}

static void all_is_well(void **state)
{
    judge();
    for (size_t i = 0; i < report.count; i++)
        if (report.finding[i].level != DOCTOR_OK)
            fail_msg("%s", report.finding[i].what);
    assert_non_null(strstr(buf_text(&out), "\n0 faults, 0 warnings, 0 notes; "));
}

static void neighbours(void **state)
{
    set_fleet("nodes:\n  n[1-40]: {}\n");
    facts->neighbours_max = 40;
    check_silent("interface");
    facts->neighbours_max = 39;
    check_finds(DOCTOR_WARNING, "interface", "40 nodes, and the kernel remembers 39 ", "gc_thresh3=80");
    facts->neighbours_max = 0;
    check_silent("interface");
}

static void interfaces(void **state)
{
    struct doctor_interface *i = &facts->interface[0];
    i->mtu = 1400;
    check_finds(DOCTOR_WARNING, "interface", "MTU of 1400", "ip link set e0 mtu 1500");
    i->mtu = 9000;
    check_finds(DOCTOR_NOTE, "interface", "MTU of 9000", "mtu 1500");
    i->mtu = 1500;
    i->vlan = 20;
    strcpy(i->parent, "e9");
    check_finds(DOCTOR_NOTE, "interface", "e0 is VLAN 20 of e9", "VLAN 20");
    i->vlan = 0;
    i->address[i->address_count++] = (struct doctor_address){0x0a4e0001, 24};
    check_finds(DOCTOR_NOTE, "interface", "has 2 addresses; machines that ask on it are told of 10.77.0.1/24",
                "first");
    i->carrier = false;
    check_finds(DOCTOR_FAULT, "interface", "no link", "cable");
    i->address_count = 0;
    check_finds(DOCTOR_FAULT, "interface", "no IPv4 address", "ip addr add");
    i->up = false;
    check_finds(DOCTOR_FAULT, "interface", "e0 is down", "ip link set e0 up");
    strcpy(i->master, "br0");
    check_finds(DOCTOR_FAULT, "interface", "e0 is a port of br0", "--interface br0");
    i->exists = false;
    check_finds(DOCTOR_FAULT, "interface", "e0 does not exist", "e0, e1");
    assert_int_equal(doctor_count(&report, DOCTOR_FAULT), 1); /* what follows from it is not told */
    facts->interface_count = 0;
    facts->chosen = false;
    check_finds(DOCTOR_FAULT, "interface", "no network interface", "ip addr add");
}

static void ports(void **state)
{
    struct doctor_port *port = facts->interface[0].port;
    port[0].state = DOCTOR_PORT_TAKEN;
    port[0].pid = 123;
    strcpy(port[0].program, "dnsmasq");
    check_finds(DOCTOR_FAULT, "port", "UDP port 67 (DHCP) on e0 is taken by dnsmasq, pid 123",
                "stop dnsmasq (kill 123");
    assert_non_null(find(DOCTOR_OK, "port", "ports on e0: 69, 80: free"));
    port[0].state = DOCTOR_PORT_OURS;
    check_finds(DOCTOR_OK, "port", "ports on e0: 67: held by the bootherd", NULL);
    port[2].state = DOCTOR_PORT_TAKEN;
    check_finds(DOCTOR_FAULT, "port", "TCP port 80 (HTTP) on e0 is taken; by whom", "--http-port");
    port[1].state = DOCTOR_PORT_UNKNOWN;
    check_finds(DOCTOR_NOTE, "port", "ports on e0: 69: free as far as", NULL);
}

static void the_firewall(void **state)
{
    json_decref(facts->ruleset);
    facts->ruleset = json_loads(
        "{\"nftables\": [{\"chain\": {\"family\": \"inet\", \"table\": \"f\", \"name\": \"in\", \"type\": "
        "\"filter\", \"hook\": \"input\", \"prio\": 0, \"policy\": \"drop\"}}]}",
        0, NULL);
    check_finds(DOCTOR_FAULT, "firewall", "drops what machines send on e0 to UDP 67, 69 (chain inet f in)",
                "nft insert rule inet f in iifname \"e0\" udp dport '{ 67, 69 }' accept");
    assert_non_null(find(DOCTOR_FAULT, "firewall", "to TCP 80"));
    assert_int_equal(doctor_count(&report, DOCTOR_FAULT), 2);
    facts->legacy_rules = true;
    check_finds(DOCTOR_NOTE, "firewall", "old kind", "iptables-legacy -S INPUT");
    json_decref(facts->ruleset);
    facts->ruleset = NULL;
    strcpy(facts->no_ruleset, "only root may\nbe root");
    check_finds(DOCTOR_NOTE, "firewall", "not known: only root may", "be root");
}

static void clock_and_folder(void **state)
{
    facts->now_ms = 0;
    check_finds(DOCTOR_FAULT, "clock", "1970-01-01T00:00:00Z", "date");
    facts->now_ms = NOW;
    facts->folder.free_bytes = 1000000;
    check_finds(DOCTOR_FAULT, "folder", "1.0 MB left", "image remove");
    facts->folder.free_bytes = 1000000000;
    check_finds(DOCTOR_WARNING, "folder", "1.0 GB left", "image remove");
    facts->folder.free_bytes = 1u << 31;
    facts->folder.owner = 7;
    facts->folder.wanted = 33;
    check_finds(DOCTOR_FAULT, "folder", "/r belongs to user 7", "chown -R 33 /r");
    facts->folder.owner = 0;
    facts->folder.root = true; /* serve hands it over */
    check_silent("folder");
    facts->folder.mode = 0777;
    check_finds(DOCTOR_WARNING, "folder", "everybody may write", "chmod o-w /r");
    facts->folder.exists = false;
    check_finds(DOCTOR_NOTE, "folder", "not there yet", "image import");
    strcpy(facts->folder.why, "Permission denied");
    check_finds(DOCTOR_WARNING, "folder", "Permission denied", "root");
}

static void addresses(void **state)
{
    struct doctor_address *own = &facts->interface[0].address[0];
    own->ip = 0x0a4d000b; /* 10.77.0.11 */
    check_finds(DOCTOR_FAULT, "address", "10.77.0.11 is this machine's own address on e0, and node n1",
                "node set n1 --ip");
    own->ip = 0x0a4d0064; /* 10.77.0.100: the pool's first */
    check_finds(DOCTOR_NOTE, "address", "lies in the pool of network lab", "network set lab --pool");
    own->ip = 0x0a4d0063;
    check_silent("address");
    facts->answer[facts->answer_count++] =
        (struct doctor_answer){"e0", 0x0a4d000b, {{0x52, 0x54, 0, 0x77, 0, 1}}}; /* n1 itself */
    check_silent("address");
    facts->answer[facts->answer_count++] = (struct doctor_answer){"e0", 0x0a4d000b, {{2, 0, 0, 0, 0, 9}}};
    check_finds(DOCTOR_WARNING, "address",
                "10.77.0.11 is node n1's address, and somebody else has it now: 02:00:00:00:00:09",
                "node set n1 --mac MAC,02:00:00:00:00:09");
}

static void networks(void **state)
{
    set_fleet("networks:\n  far: {subnet: 10.78.0.0/24}\n  named: {subnet: 10.79.0.0/24, interface: e7}\n");
    check_finds(DOCTOR_NOTE, "network", "in network far (10.78.0.0/24): only a DHCP relay",
                "if they are on this wire");
    assert_non_null(find(DOCTOR_WARNING, "network", "network named belongs to interface e7"));
    set_fleet(
        "nodes:\n  a: {mac: \"52:54:00:00:00:01\", ip: 10.77.0.5}\n  b: {mac: \"52:54:00:00:00:02\", ip: "
        "10.99.0.5}\n  c: {mac: \"52:54:00:00:00:03\"}\n");
    check_finds(DOCTOR_NOTE, "network", "the fleet has no network", "network set");
    assert_non_null(find(DOCTOR_FAULT, "network", "interfaces looked at: the address of b"));
    assert_non_null(find(DOCTOR_FAULT, "network", "no address for c"));
    set_fleet("networks:\n  lab: {subnet: 10.77.0.0/24, https: on}\n");
    check_finds(DOCTOR_NOTE, "network", "network lab has https on", "--https-port 443");
    facts->https_port = 443;
    check_silent("network");
    set_fleet("networks:\n  lab: {subnet: 10.77.0.0/24, pool: 10.77.0.9-10.77.0.9}\nnodes:\n  c: {mac: "
              "\"52:54:00:00:00:03\"}\n");
    check_silent("network");
}

static struct doctor_offer *hear(void)
{
    facts->heard_count = 1;
    facts->heard[0] = (struct doctor_heard){
        "e0", {.server = 0x0a4d0009, .id = 0x0a4d0009, .mac = {{2, 0, 0, 0, 0, 9}}, .address = 0x0a4d0096}};
    return &facts->heard[0].offer;
}

static void other_servers(void **state)
{
    struct doctor_offer *offer = hear();
    check_finds(DOCTOR_FAULT, "dhcp", "10.77.0.9 (02:00:00:00:00:09) offers 10.77.0.150,",
                "network set lab --mode proxy");
    strcpy(offer->file, "pxelinux.0");
    check_finds(DOCTOR_FAULT, "dhcp", "offers 10.77.0.150 and a boot file", "switch its DHCP off");
    offer->file[0] = 0;
    offer->pxe_class = offer->waits = true;
    check_finds(DOCTOR_FAULT, "dhcp", "option 60 \"PXEClient\" without option 43", "take option 60");
    offer = hear();
    offer->address = 0;
    offer->pxe_class = offer->waits = true; /* as dnsmasq for UEFI */
    check_finds(DOCTOR_FAULT, "dhcp", "another server says what to boot on e0: 10.77.0.9", "switch it off");
    assert_int_equal(doctor_count(&report, DOCTOR_FAULT), 1);
    set_fleet("nodes: {}");
    offer = hear();
    check_finds(DOCTOR_FAULT, "dhcp", "offers 10.77.0.150",
                "network set NAME --subnet 10.77.0.0/24 --mode proxy");
}

static void other_servers_beside_a_proxy(void **state)
{
    set_fleet("networks:\n  lab: {subnet: 10.77.0.0/24, mode: proxy}\n");
    check_finds(DOCTOR_FAULT, "dhcp", "network lab has mode proxy, and on e0 no DHCP server offered",
                "--mode dhcp");
    struct doctor_offer *offer = hear();
    check_silent("dhcp");
    assert_non_null(find(DOCTOR_OK, "dhcp", "gives addresses on e0 (10.77.0.150), as mode proxy wants"));
    strcpy(offer->file, "undionly.kpxe");
    check_finds(DOCTOR_FAULT, "dhcp", "sends a boot file too, \"undionly.kpxe\"", "options 66 and 67");
    offer = hear();
    offer->waits = true;
    check_finds(DOCTOR_FAULT, "dhcp", "waits there", "take option 60");
    facts->interface[0].probed = false;
    strcpy(facts->interface[0].unprobed, "only root may ask\nbe root");
    check_finds(DOCTOR_NOTE, "dhcp", "e0 is not known: only root may ask", "be root");
    assert_int_equal(doctor_count(&report, DOCTOR_FAULT), 0);
}

static void images(void **state)
{
    strcpy(facts->missing[0], "extra");
    strcpy(facts->missing[1], "more");
    facts->missing_count = 2;
    check_finds(DOCTOR_FAULT, "image", "no folder /r/files/extra:", "make that folder");
    assert_non_null(find(DOCTOR_FAULT, "image", "/r/files/more:"));
    strcpy(facts->image[0].why, "image linux: initrd.gz: its blob is missing");
    check_finds(DOCTOR_FAULT, "image", "its blob is missing; these boot it: n1",
                "image import SOURCE --name linux");
    facts->image[0].image = NULL;
    facts->image[0].missing = true;
    check_finds(DOCTOR_FAULT, "image", "image linux is not in the store, and these boot it: n1",
                "image import");
    check_silent("loader");
}

static void loaders(void **state)
{
    judge();
    assert_non_null(find(DOCTOR_OK, "loader", "for: BIOS, UEFI, UEFI HTTP Boot machines"));
    facts->loaders = 1u << PLAN_LOADER_PXELINUX;
    check_finds(
        DOCTOR_WARNING, "loader",
        "boot loader grub-amd64 is not there, without which image linux does not boot: UEFI, UEFI HTTP Boot",
        "apt-get install shim-signed");
    assert_non_null(find(DOCTOR_OK, "loader", "for: BIOS machines"));
    facts->loaders = 0;
    check_finds(DOCTOR_FAULT, "loader", "boot loader pxelinux is not there", "apt-get install pxelinux");
    static char arm64[] = "arm64";
    image.arch = arm64;
    check_finds(DOCTOR_FAULT, "loader", "boot loader grub-arm64 is not there", "loader add");
}

static void nodes(void **state)
{
    set_fleet("networks:\n  lab: {subnet: 10.77.0.0/24, pool: 10.77.0.100-10.77.0.109}\nnodes:\n"
              "  n1: {image: linux}\n  n2: {mac: \"52:54:00:00:00:02\"}\n"
              "  n3: {mac: \"52:54:00:00:00:03\", image: linux, loader: mboot}\n");
    check_finds(DOCTOR_FAULT, "node", "no MAC for n1", "--mac");
    assert_non_null(find(DOCTOR_FAULT, "node", "no image for n2"));
    assert_non_null(find(DOCTOR_FAULT, "node", "node n3 cannot boot: "));
    set_fleet("nodes: {}");
    check_finds(DOCTOR_NOTE, "node", "the fleet has no node", "node set NAME");
    strcpy(facts->no_fleet, "state.db: Permission denied\nbe root");
    check_finds(DOCTOR_WARNING, "node", "could not be read: state.db", "be root");
    check_silent("network");
}

static void many_nodes_are_summed_up(void **state)
{
    struct buf yaml = BUF_INIT;
    buf_append_text(&yaml,
                    "networks:\n  lab: {subnet: 10.77.0.0/16, pool: 10.77.0.100-10.77.0.109}\nnodes:\n");
    for (unsigned i = 0; i < 20; i++)
        buf_format(&yaml, "  x%u: {image: linux, loader: mboot}\n  y%u: {mac: \"52:54:00:00:01:%02x\"}\n", i,
                   i, i);
    set_fleet(buf_text(&yaml));
    buf_fini(&yaml);
    check_finds(DOCTOR_FAULT, "node", "no image for y0, y1, y2, y3, y4 and 15 more", "--image");
    assert_non_null(find(DOCTOR_FAULT, "node", "no MAC for x0, x1, x2, x3, x4 and 15 more"));
    assert_non_null(find(DOCTOR_FAULT, "node", "node x4 cannot boot"));
    assert_null(find(DOCTOR_FAULT, "node", "node x5 cannot boot"));
    assert_non_null(find(DOCTOR_FAULT, "node", "15 more nodes cannot boot"));
}

/* Most serious first; the numbers of the summary; JSON says the same. */
static void reports(void **state)
{
    facts->interface[0].mtu = 1400;
    facts->now_ms = 0;
    judge();
    const char *text = buf_text(&out), *fault = strstr(text, "fault    the clock"),
               *warning = strstr(text, "warning  e0 has"), *well = strstr(text, "ok       ");
    assert_true(fault == text && warning > fault && well > warning);
    assert_non_null(strstr(text, "\n         fix: ip link set e0 mtu 1500\n"));
    assert_non_null(strstr(text, "\n1 fault, 1 warning, 0 notes; "));
    buf_clear(&out);
    assert_int_equal(doctor_json(&report, &out, &err), 0);
    json_t *root = json_loads(buf_text(&out), 0, NULL);
    assert_int_equal(json_integer_value(json_object_get(root, "faults")), 1);
    const json_t *list = json_object_get(root, "findings");
    assert_int_equal(json_array_size(list), report.count);
    const json_t *first = json_array_get(list, 0), *last = json_array_get(list, report.count - 1);
    assert_string_equal(json_string_value(json_object_get(first, "level")), "fault");
    assert_string_equal(json_string_value(json_object_get(first, "check")), "clock");
    assert_true(json_is_null(json_object_get(last, "fix")));
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_is_well, setup, teardown),
        cmocka_unit_test_setup_teardown(interfaces, setup, teardown),
        cmocka_unit_test_setup_teardown(neighbours, setup, teardown),
        cmocka_unit_test_setup_teardown(ports, setup, teardown),
        cmocka_unit_test_setup_teardown(the_firewall, setup, teardown),
        cmocka_unit_test_setup_teardown(clock_and_folder, setup, teardown),
        cmocka_unit_test_setup_teardown(addresses, setup, teardown),
        cmocka_unit_test_setup_teardown(networks, setup, teardown),
        cmocka_unit_test_setup_teardown(other_servers, setup, teardown),
        cmocka_unit_test_setup_teardown(other_servers_beside_a_proxy, setup, teardown),
        cmocka_unit_test_setup_teardown(images, setup, teardown),
        cmocka_unit_test_setup_teardown(loaders, setup, teardown),
        cmocka_unit_test_setup_teardown(nodes, setup, teardown),
        cmocka_unit_test_setup_teardown(many_nodes_are_summed_up, setup, teardown),
        cmocka_unit_test_setup_teardown(reports, setup, teardown),
    };
    return cmocka_run_group_tests_name("proc/doctor", tests, NULL, NULL);
}
