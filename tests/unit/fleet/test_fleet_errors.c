/* Bad fleets: the whole text of each error, with the place counted by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fleet/fleet_yaml.h"

#define NODE   "nodes:\n  a:\n    "
#define LAB    "networks:\n  lab:\n    subnet: 10.77.0.0/24\n"
#define PLEASE "; write letters, digits, '-', '_' and '.', first a letter or digit"

struct bad {
    const char *text, *error;
};

static void expect(const char *text, size_t size, const char *error)
{
    struct fleet *fleet = NULL;
    struct error err = {0};
    if (fleet_parse_yaml("f.yaml", (struct slice){(const uint8_t *)text, size}, &fleet, &err) == 0) {
        fleet_free(fleet);
        fail_msg("taken, but is wrong: %s", text);
    }
    assert_string_equal(err.text, error);
}

static void expect_all(const struct bad *bad, size_t count)
{
    for (size_t i = 0; i < count; i++)
        expect(bad[i].text, strlen(bad[i].text), bad[i].error);
}
#define EXPECT_ALL(table) expect_all(table, sizeof table / sizeof table[0])

static void text_that_is_no_fleet(void **state)
{
    static const struct bad table[] = {
        {"a: [1\nb: 2\n", "f.yaml:3:1: this is no YAML: flow sequence without a closing bracket"},
        {"nodes:\n\tx: 1\n", "f.yaml:2:1: this is no YAML: tab character may not be used as indentation"},
        {"hello\n", "f.yaml:1:1: here is text; a fleet is a map with networks, profiles and nodes"},
        {"- a\n", "f.yaml:1:1: here is a list; a fleet is a map with networks, profiles and nodes"},
        {"nodes: 3\n", "f.yaml:1:8: nodes: here is text; write each name with its keys below it"},
        {"node:\n  a: {}\n", "f.yaml:1:1: unknown section 'node'; did you mean 'nodes'?"},
        {"nodes: {}\nthings: {}\n",
         "f.yaml:2:1: unknown section 'things'; a fleet has networks, profiles and nodes"},
        {"nodes:\n  a: 5\n",
         "f.yaml:2:6: node a: here is text; write its keys below it, as in 'image: esxi'"},
        {"? [a]\n: b\n", "f.yaml:1:3: a key must be a word, not a list or a map"},
        {"nodes:\n  : x\n", "f.yaml:2:3: a key is missing before the ':'"},
        {"--- {}\n--- {}\n", "f.yaml:2:1: a second document ('---'); keep one to a file"},
        {"nodes: {}\rx", "f.yaml:1:10: byte 0x0d is a control character; take it out"},
        {"nodes:\n  \xc3\xa9\x1b: {}\n", "f.yaml:2:4: byte 0x1b is a control character; take it out"},
        {"nodes:\n  \xff: {}\n", "f.yaml:2:3: byte 0xff is no UTF-8; save the file as UTF-8"},
        {"a: \xc0\xaf", "f.yaml:1:4: byte 0xc0 is no UTF-8; save the file as UTF-8"},
        {"a: \xed\xa0\x80", "f.yaml:1:4: byte 0xed is no UTF-8; save the file as UTF-8"},
    };
    EXPECT_ALL(table);
    expect("a\0b", 3, "f.yaml:1:2: byte 0x00 is a control character; take it out");
}

static void bombs(void **state)
{
    static const struct bad table[] = {
        {NODE "mac: &m 52:54:00:12:34:56\n",
         "f.yaml:3:10: anchors (&name) are not taken here; write each value out"},
        {"nodes: &n\n  a: {}\n", "f.yaml:1:8: anchors (&name) are not taken here; write each value out"},
        {NODE "mac: *m\n", "f.yaml:3:10: aliases (*name) are not taken here; write the value out"},
        {NODE "mac: !!str a\n", "f.yaml:3:10: tags (!name) are not taken here; leave it out"},
        {"[[[[[[[[[[[[[[[[[[[[", "f.yaml:1:17: lists and maps are nested too deeply"},
        {"nodes:\n  a[1-99999],b[1-2]: {}\n",
         "f.yaml:2:3: range 'a[1-99999],b[1-2]', character 12: more than 100000 names; split the range"},
    };
    EXPECT_ALL(table);
    static char deep[100000];
    memset(deep, '[', sizeof deep);
    expect(deep, sizeof deep, "f.yaml:1:17: lists and maps are nested too deeply");
    for (size_t i = 0; i < sizeof deep; i += 2)
        memcpy(deep + i, "- ", 2);
    expect(deep, sizeof deep, "f.yaml:1:33: lists and maps are nested too deeply");
}

static void keys_and_shapes(void **state)
{
    static const struct bad table[] = {
        {NODE "imge: x\n", "f.yaml:3:5: node a: unknown key 'imge'; did you mean 'image'?"},
        {NODE "root_password: x\n",
         "f.yaml:3:5: node a: unknown key 'root_password'; did you mean 'root_password_hash'?"},
        {LAB "    image: x\n",
         "f.yaml:4:5: network lab: unknown key 'image'; a network has: subnet, interface, "
         "gateway, dns, domain, ntp, pool, lease, mode, loader, https"},
        {"profiles:\n  p: {ip: 10.0.0.1}\n",
         "f.yaml:2:7: profile p: unknown key 'ip'; a profile has: image, kernel_options, root_password_hash, "
         "root_password_hash_weak, ssh, authorized_keys, datastores, welcome, files, loader, leave_out, "
         "overlay, agent, priority, secure_boot, vlan, boot, between, days, time_zone"},
        {"nodes:\n  a: {}\n  b: {}\n  a: {}\n", "f.yaml:4:3: 'a' is there twice, first in line 2; keep one"},
        {NODE "ssh: on\n    ip: 10.0.0.1\n    ssh: off\n",
         "f.yaml:5:5: 'ssh' is there twice, first in line 3; keep one"},
        {NODE "ip:\n", "f.yaml:3:5: node a: ip: nothing behind it; write a value, as in 10.77.0.[11-42], or "
                       "leave the key out"},
        {NODE "ip: [10.77.0.1, 10.77.0.2]\n",
         "f.yaml:3:9: node a: ip: here is a list; write one value, as in 10.77.0.11"},
        {NODE "mac: []\n", "f.yaml:3:10: node a: mac: the list is empty; leave the key out"},
        {NODE "ssh: maybe\n", "f.yaml:3:10: node a: ssh: 'maybe' is neither on nor off"},
        {NODE "authorized_keys: {}\n",
         "f.yaml:3:22: node a: authorized_keys: here is a map; write a list, as "
         "in [ssh-rsa AAAA... me]"},
        {NODE "authorized_keys: [[a]]\n", "f.yaml:3:23: node a: authorized_keys: here is a list in a list of "
                                          "texts, as in [ssh-rsa AAAA... me]"},
    };
    EXPECT_ALL(table);
}

static void names(void **state)
{
    static const struct bad table[] = {
        {"nodes:\n  -x: {}\n", "f.yaml:2:3: node: '-x' is no name" PLEASE},
        {"nodes:\n  a b: {}\n", "f.yaml:2:3: node: 'a b' is no name" PLEASE},
        {"nodes:\n  ../a: {}\n", "f.yaml:2:3: node: '../a' is no name" PLEASE},
        {"nodes:\n  a_b: {}\n",
         "f.yaml:2:3: node a_b: the name is no host name, so set hostname: 'a_b' is no "
         "host name; write letters, digits and '-' only"},
        {NODE "image: a/b\n", "f.yaml:3:12: node a: image: 'a/b' cannot name an image: use 1 to 63 of a-z, "
                              "0-9, '.', '_' and '-', the first a letter or digit"},
        {NODE "files: ../x\n", "f.yaml:3:12: node a: files: '../x' is no name" PLEASE},
        {NODE "hostname: -a\n",
         "f.yaml:3:15: node a: hostname: a host name's label neither starts nor ends with '-'"},
        {NODE "hostname: a..b\n", "f.yaml:3:15: node a: hostname: a dot too many; write labels of letters, "
                                  "digits and '-' with one dot between"},
        {NODE "hostname: 10.1.2.3\n",
         "f.yaml:3:15: node a: hostname: '10.1.2.3' is an address; write a name"},
        {NODE "hostname: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
         "f.yaml:3:15: node a: hostname: 64 bytes; at most 63 are taken"},
        {NODE "profile: exsi\nprofiles:\n  esxi: {}\n",
         "f.yaml:3:14: node a: profile: there is no profile 'exsi'; did you mean 'esxi'?"},
        {NODE "profile: nope\n",
         "f.yaml:3:14: node a: profile: there is no profile 'nope'; add it, or leave the key out"},
    };
    EXPECT_ALL(table);
}

static void addresses(void **state)
{
    static const struct bad table[] = {
        {NODE "ip: 10.77.0.300\n", "f.yaml:3:9: node a: ip: '10.77.0.300' is no IPv4 address; write four "
                                   "numbers from 0 to 255, as in 10.77.0.11"},
        {NODE "ip: 224.0.0.1\n",
         "f.yaml:3:9: node a: ip: 224.0.0.1 is no machine's address; write a unicast one"},
        {NODE "mac: [52:54:00:12:34:56, 52:54:00:12:34:zz]\n",
         "f.yaml:3:30: node a: mac: '52:54:00:12:34:zz' is no MAC address; write six pairs of hex digits, as "
         "in \"52:54:00:12:34:56\""},
        {NODE "mac: 00:00:00:00:00:00\n", "f.yaml:3:10: node a: mac: 00:00:00:00:00:00 is no card's address; "
                                          "write the one on its label"},
        {NODE "mac: [52:54:00:12:34:56, 01:00:5e:00:00:01]\n",
         "f.yaml:3:30: node a: mac: 01:00:5e:00:00:01 is a multicast address; write the card's own (an even "
         "first byte)"},
        {NODE "mac: ff:ff:ff:ff:ff:ff\n",
         "f.yaml:3:10: node a: mac: ff:ff:ff:ff:ff:ff is a multicast address; write the card's own (an even "
         "first byte)"},
        {NODE "mac: [52:54:00:12:34:56, 5254.0012.3456]\n",
         "f.yaml:3:30: node a: mac: 52:54:00:12:34:56 is there twice; keep one"},
        {"nodes:\n  a: {mac: 5254.0012.3456}\n  b:\n    mac: [5254.0012.3457, 52-54-00-12-34-56]\n",
         "f.yaml:4:27: node b: mac: 52:54:00:12:34:56 is node a's; give each node its own"},
        {"nodes:\n  a: {ip: 10.0.0.1}\n  b: {ip: 10.0.0.1}\n",
         "f.yaml:3:11: node b: ip: 10.0.0.1 is node a's; give each node its own"},
        {LAB "nodes:\n  a: {ip: 10.77.0.0}\n", "f.yaml:5:11: node a: ip: 10.77.0.0 is the network's own "
                                               "address of network lab; write one of 10.77.0.1-10.77.0.254"},
        {LAB "nodes:\n  a: {ip: 10.77.0.255}\n",
         "f.yaml:5:11: node a: ip: 10.77.0.255 is the broadcast address of network lab; write one of "
         "10.77.0.1-10.77.0.254"},
        {LAB "nodes:\n  a: {ip: 10.78.0.1}\n",
         "f.yaml:5:11: node a: ip: 10.78.0.1 is in no network; there is "
         "lab 10.77.0.0/24; change it or add its network"},
        {LAB "    gateway: 10.77.0.1\nnodes:\n  a: {ip: 10.77.0.1}\n",
         "f.yaml:6:11: node a: ip: 10.77.0.1 is the gateway of network lab; write another"},
    };
    EXPECT_ALL(table);
}

static void ranges(void **state)
{
    static const struct bad table[] = {
        {"nodes:\n  rack[01-04]: {}\n  rack03: {}\n",
         "f.yaml:3:3: node rack03: rack03 is there twice; keep one"},
        {"nodes:\n  rack[04-01]: {}\n",
         "f.yaml:2:3: range 'rack[04-01]', character 6: the last number is below the first; swap them"},
        {"nodes:\n  rack[01-04]:\n    ip: 10.77.0.[1-3]\n",
         "f.yaml:3:9: node rack[01-04]: ip: the values are 3, the nodes 4; write one for each"},
        {"nodes:\n  rack[01-02]:\n    mac: 52:54:00:12:34:56\n",
         "f.yaml:3:10: node rack[01-02]: mac: the values are 1, the nodes 2; write one for each"},
        {"nodes:\n  rack[01-02]:\n    mac: [52:54:00:12:34:56]\n",
         "f.yaml:3:10: node rack[01-02]: mac: the values are 1, the nodes 2; write one for each"},
        {"nodes:\n  rack[01-02]:\n    hostname: esx\n",
         "f.yaml:3:15: node rack[01-02]: hostname: the values are 1, the nodes 2; write one for each"},
        {"nodes:\n  rack[01-02]:\n    mac:\n      - 52:54:00:12:34:56\n      - 52:54:00:12:34:56\n",
         "f.yaml:5:9: node rack02: mac: 52:54:00:12:34:56 is node rack01's; give each node its own"},
        {LAB "nodes:\n  a[1-300]:\n    ip: 10.77.0.1\n",
         "f.yaml:6:9: node a255: ip: 10.77.0.255 is the broadcast address of network lab; write one of "
         "10.77.0.1-10.77.0.254"},
    };
    EXPECT_ALL(table);
}

static void networks(void **state)
{
    static const struct bad table[] = {
        {"networks:\n  lab: {}\n",
         "f.yaml:2:3: network lab: no subnet; write one, as in subnet: 10.77.0.0/24"},
        {"networks:\n  lab: {subnet: 10.77.0.0}\n", "f.yaml:2:17: network lab: subnet: '10.77.0.0' is no "
                                                    "subnet; write address/prefix, as in 10.77.0.0/24"},
        {"networks:\n  lab: {subnet: 10.77.0.5/24}\n",
         "f.yaml:2:17: network lab: subnet: 10.77.0.5 is an address inside the subnet; write 10.77.0.0/24"},
        {"networks:\n  lab: {subnet: 10.77.0.0/31}\n",
         "f.yaml:2:17: network lab: subnet: prefix /31; write one from 8 to 30"},
        {LAB "    gateway: 10.77.0.255\n", "f.yaml:4:14: network lab: gateway: 10.77.0.255 is no machine's "
                                           "address in the subnet; write one of 10.77.0.1-10.77.0.254"},
        {LAB "    pool: 10.77.0.9\n", "f.yaml:4:11: network lab: pool: '10.77.0.9' is no pool; write "
                                      "first-last, as in 10.77.0.100-10.77.0.199"},
        {LAB "    pool: 10.77.0.9-10.77.0.5\n",
         "f.yaml:4:11: network lab: pool: 10.77.0.9 is above 10.77.0.5; write 10.77.0.5-10.77.0.9"},
        {LAB "    pool: 10.77.0.9-10.77.1.5\n",
         "f.yaml:4:11: network lab: pool: 10.77.0.9-10.77.1.5 is not inside the subnet; write a part of "
         "10.77.0.1-10.77.0.254"},
        {LAB "    pool: 10.77.0.0-10.77.0.5\n",
         "f.yaml:4:11: network lab: pool: 10.77.0.0-10.77.0.5 is not inside the subnet; write a part of "
         "10.77.0.1-10.77.0.254"},
        {LAB "    gateway: 10.77.0.5\n    pool: 10.77.0.1-10.77.0.5\n",
         "f.yaml:5:11: network lab: pool: the gateway is in 10.77.0.1-10.77.0.5; leave it out of the pool"},
        {LAB "    lease: 59\n",
         "f.yaml:4:12: network lab: lease: a lease of 59 seconds; write one from 1m to 365d"},
        {LAB "    lease: 366d\n",
         "f.yaml:4:12: network lab: lease: a lease of 31622400 seconds; write one from 1m to 365d"},
        {LAB "    lease: 1w\n",
         "f.yaml:4:12: network lab: lease: '1w' is no duration; write seconds, or 30m, 1h, 2d"},
        {LAB "    interface: a/b\n",
         "f.yaml:4:16: network lab: interface: 'a/b' is no interface's name; `ip link` lists them"},
        {LAB "    interface: abcdefghijklmnop\n",
         "f.yaml:4:16: network lab: interface: 16 bytes; at most 15 are taken"},
        {LAB "    dns: [10.0.0.1, 255.255.255.255]\n",
         "f.yaml:4:21: network lab: dns: 255.255.255.255 is no machine's address; write a unicast one"},
        {LAB "    dns: [1.1.1.1,1.1.1.2,1.1.1.3,1.1.1.4,1.1.1.5,1.1.1.6,1.1.1.7,1.1.1.8,1.1.1.9]\n",
         "f.yaml:4:10: network lab: dns: 9 values; at most 8 are taken"},
        {LAB "  b:\n    subnet: 10.77.0.128/25\n", "f.yaml:3:13: network lab: subnet: 10.77.0.0/24 overlaps "
                                                   "10.77.0.128/25 of network b; make them apart"},
    };
    EXPECT_ALL(table);
}

static void texts(void **state)
{
    static const struct bad table[] = {
        {NODE "kernel_options: a --- b\n",
         "f.yaml:3:21: node a: kernel_options: '---' divides modules in the "
         "loader's line; leave it out"},
        {NODE "kernel_options: \"a\\nLABEL x\"\n",
         "f.yaml:3:21: node a: kernel_options: a line break at byte "
         "2; take it out"},
        {NODE "welcome: \"a\\x1bb\"\n",
         "f.yaml:3:14: control characters are not taken; leave the escape out"},
        {NODE "welcome: \"a\\0b\"\n", "f.yaml:3:14: control characters are not taken; leave the escape out"},
        {NODE "welcome: \"\"\n", "f.yaml:3:14: node a: welcome: the text is empty; leave the key out"},
        {NODE "root_password_hash: secret\n", "f.yaml:3:25: node a: root_password_hash: this is no SHA-512 "
                                              "crypt hash ($6$salt$...); make one with `openssl passwd -6`"},
        {NODE "root_password_hash: $1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1\n",
         "f.yaml:3:25: node a: root_password_hash: this is a weak hash ($1$); write one of `openssl passwd "
         "-6`, or use root_password_hash_weak"},
        {NODE "root_password_hash_weak: $6$x\n",
         "f.yaml:3:30: node a: root_password_hash_weak: this is no MD5 crypt hash ($1$salt$...); make one "
         "with `openssl passwd -1`"},
        {NODE "authorized_keys: [hello]\n", "f.yaml:3:23: node a: authorized_keys: 'hello' is no public key; "
                                            "write the line of a .pub file, as in ssh-rsa AAAA... me"},
        {NODE "authorized_keys:\n      - ssh-rsa AAAA\n",
         "f.yaml:4:9: node a: authorized_keys: the key behind ssh-rsa is cut or changed; copy the whole line "
         "of the .pub file"},
        {NODE "authorized_keys:\n      - '-----BEGIN OPENSSH PRIVATE KEY-----'\n",
         "f.yaml:4:9: node a: authorized_keys: this is a private key or a PEM file; write the line of the "
         ".pub file"},
        {NODE
         "authorized_keys:\n      - \"ssh-rsa AAAAB3NzaC1yc2EAAAAD a\\nssh-rsa AAAAB3NzaC1yc2EAAAAD b\"\n",
         "f.yaml:4:9: node a: authorized_keys: a line break at byte 31; take it out"},
    };
    EXPECT_ALL(table);
}

static void words(void **state)
{
    static const struct bad table[] = {
        {NODE "priority: highest\n", "f.yaml:3:15: node a: priority: 'highest' is none of high, normal, low"},
    };
    EXPECT_ALL(table);
}

#define STORE NODE "datastores: [{label: a, "
#define AT    "f.yaml:3:18: node a: datastores: "

static void datastores(void **state)
{
    static const struct bad table[] = {
        {NODE "datastores: [{label: vms}]\n",
         AT "nfs, nfs41, vmfs or iscsi is missing; write {label: vms, nfs: 10.77.0.1:/srv/vms}"},
        {NODE "datastores: [{vmfs: on}]\n",
         AT "label is missing; write {label: vms, nfs: 10.77.0.1:/srv/vms}"},
        {NODE "datastores: [{label: vms, nfs: /srv}]\n",
         "f.yaml:3:31: node a: datastores: '/srv' is no NFS share; write host:/path, as in "
         "10.77.0.1:/srv/vms"},
        {STORE "nfs: a:/srv, mode: ro}]\n", "f.yaml:3:42: node a: datastores: unknown key 'mode'; a "
                                            "datastore has label, one of nfs, nfs41, vmfs "
                                            "and iscsi, read_only and probe"},
        {STORE "nfs: a:/srv, vmfs: on}]\n",
         "f.yaml:3:42: node a: datastores: a datastore is one of nfs, nfs41, vmfs and iscsi; keep one"},
        {STORE "vmfs: off}]\n", "f.yaml:3:29: node a: datastores: vmfs is on, or not there at all"},
        {STORE "nfs: a:/srv, probe: often}]\n",
         "f.yaml:3:42: node a: datastores: probe: 'often' is neither read nor write"},
        {STORE "nfs: a:/srv, probe: write, read_only: on}]\n",
         AT "a is read only, and to be probed by a write; keep one"},
        {STORE "vmfs: on, read_only: on}]\n", AT "a is a VMFS volume, and ESXi mounts none read only"},
    };
    EXPECT_ALL(table);
}

static void labels_of_datastores(void **state)
{
    static const struct bad table[] = {
        {NODE "datastores: [{label: a/b, nfs: a:/srv}]\n",
         AT "label: 'a/b' holds '/'; no label of a datastore may"},
        {NODE "datastores: [{label: \"a]\", vmfs: on}]\n",
         AT "label: 'a]' holds ']'; no label of a datastore may"},
        {NODE "datastores: [{label: a%2f, vmfs: on}]\n",
         AT "label: 'a%2f' holds '%'; no label of a datastore may"},
        {NODE "datastores: [{label: \"-rf\", vmfs: on}]\n",
         AT "label: '-rf' begins with '-'; begin it with a letter or digit"},
        {NODE "datastores: [{label: .., vmfs: on}]\n",
         AT "label: '..' begins with '.'; begin it with a letter or digit"},
        {NODE "datastores: [{label: \"a \", vmfs: on}]\n",
         AT "label: 'a ' begins or ends with a blank; take it off"},
        {STORE "nfs: a:/srv}, {label: a, nfs: b:/srv}]\n",
         "f.yaml:3:43: node a: datastores: two datastores are labelled a; give each its own label"},
    };
    EXPECT_ALL(table);
}

static void places_of_datastores(void **state)
{
    static const struct bad table[] = {
        {STORE "nfs: a:/srv/../etc}]\n",
         AT "nfs path: '/srv/../etc' holds '.' or '..'; write the path the server exports"},
        {STORE "nfs41: a:/..}]\n",
         AT "nfs41 path: '/..' holds '.' or '..'; write the path the server exports"},
        {STORE "nfs: \"a:/srv \"}]\n", AT "nfs path: '/srv ' ends with a blank; take it off"},
        {STORE "nfs: \"a :/srv\"}]\n",
         AT "nfs host: 'a ' is no host name; write letters, digits and '-' only"},
        {STORE "nfs: a_b:/srv}]\n", AT "nfs host: 'a_b' is no host name; write letters, digits and '-' only"},
        {STORE "nfs: 010.0.0.1:/srv}]\n",
         AT "nfs host: '010.0.0.1' is no IPv4 address; write four numbers up to 255, without leading zeros"},
        {STORE "nfs: 10.0.0.256:/srv}]\n",
         AT "nfs host: '10.0.0.256' is no IPv4 address; write four numbers up to 255, without leading zeros"},
        {STORE "nfs: 224.0.0.1:/srv}]\n",
         AT "nfs host: 224.0.0.1 is no machine's address; write a unicast one"},
        {STORE "nfs: \"b,c:/srv\"}]\n", AT "nfs host: 'b,c': only NFS 4.1 takes several hosts for one share"},
        {STORE "nfs41: \"b,B.:/srv\"}]\n", AT "nfs41 host: b is there twice; keep one"},
        {STORE "nfs41: \"b,:/srv\"}]\n", AT "nfs41 host: the text is empty; leave the key out"},
        {STORE "iscsi: 10.0.0.5}]\n",
         "f.yaml:3:29: node a: datastores: '10.0.0.5' is no iSCSI disk; write address/target, as in "
         "10.0.0.5:3260/iqn.2001-04.com.example:disk1"},
        {STORE "iscsi: san/iqn.2001-04.com.example:disk1}]\n",
         AT "iscsi: 'san:3260' is no iSCSI portal; write its address, as in 10.0.0.5:3260"},
        {STORE "iscsi: 10.0.0.5:65536/iqn.2001-04.com.example:disk1}]\n",
         AT "iscsi: '10.0.0.5:65536' is no iSCSI portal; write its address, as in 10.0.0.5:3260"},
        {STORE "iscsi: 10.0.0.5/disk1}]\n",
         AT "iscsi: 'disk1' is no iSCSI name; write it as in iqn.2001-04.com.example:disk1"},
        {STORE "iscsi: 10.0.0.5/iqn.2001-04.com.example/disk1}]\n",
         AT "iscsi: 'iqn.2001-04.com.example/disk1' is no iSCSI name; write it as in "
            "iqn.2001-04.com.example:disk1"},
    };
    EXPECT_ALL(table);
}

static void one_share_twice(void **state)
{
    static const struct bad table[] = {
        {STORE "nfs: nas:/srv}, {label: b, nfs: NAS.:/srv//}]\n",
         "f.yaml:3:45: node a: datastores: a and b are the same share; keep one"},
        {STORE "nfs: nas:/srv}, {label: b, nfs41: nas:/srv/./}]\n",
         "f.yaml:3:45: node a: datastores: a and b are the same share, once by NFS 3 and once by NFS 4.1, "
         "whose "
         "locks do not see each other: keep one"},
        {STORE "nfs41: \"x,y:/srv\"}, {label: b, nfs41: \"z,y:/srv\"}]\n",
         "f.yaml:3:49: node a: datastores: a and b are the same share; keep one"},
        {STORE "nfs41: \"x,nas:/srv\"}, {label: b, nfs: nas:/srv}]\n",
         "f.yaml:3:51: node a: datastores: a and b are the same share, once by NFS 3 and once by NFS 4.1, "
         "whose "
         "locks do not see each other: keep one"},
    };
    EXPECT_ALL(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_that_is_no_fleet),
        cmocka_unit_test(bombs),
        cmocka_unit_test(keys_and_shapes),
        cmocka_unit_test(names),
        cmocka_unit_test(addresses),
        cmocka_unit_test(ranges),
        cmocka_unit_test(networks),
        cmocka_unit_test(texts),
        cmocka_unit_test(words),
        cmocka_unit_test(datastores),
        cmocka_unit_test(labels_of_datastores),
        cmocka_unit_test(places_of_datastores),
        cmocka_unit_test(one_share_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
