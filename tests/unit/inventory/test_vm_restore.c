#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "inventory/vm_restore.h"
#include "inventory/volume.h"

static char *lend(const char *text)
{
    char *out;
    memcpy(&out, &text, sizeof out);
    return out;
}

#define STORES 5
static struct fleet_datastore stores[STORES];

static void store(size_t i, enum fleet_store_kind kind, const char *label, const char *host, const char *path)
{
    stores[i] =
        (struct fleet_datastore){.kind = kind, .label = lend(label), .host = lend(host), .path = lend(path)};
}

static void add(struct vm_list *list, const char *file, const char *name, const char *id, enum vm_power power)
{
    struct error err;
    struct vm vm = {.label = lend("it's vms"),
                    .file = lend(file),
                    .name = lend(name),
                    .id = lend(id),
                    .power = power,
                    .order = 500};
    if (vm_list_add(list, &vm, &err) < 0)
        fail_msg("%s", err.text);
}

static struct vm_list list;
static struct vm_held held;
static struct fleet_settings settings;
static struct vm_restore restore;

static int setup(void **state)
{
    (void)state;
    store(0, FLEET_STORE_NFS, "it's vms", "nas", "/srv/v ms");
    store(1, FLEET_STORE_NFS41, "fast", "10.0.0.1,10.0.0.2", "/fast");
    store(2, FLEET_STORE_VMFS, "local", "", "");
    store(3, FLEET_STORE_ISCSI, "lun", "10.0.0.5:3260", "iqn.2001-04.com.example:disk1");
    store(4, FLEET_STORE_NFS, "six", "fd00::1", "/six");
    stores[0].probe_write = true;
    stores[4].read_only = true;
    settings = (struct fleet_settings){.datastore_count = STORES, .datastores = stores};
    add(&list, "web [1]/web $HOME.vmx", "web|1\n100%", "42 1d", VM_POWER_ON);
    add(&list, "b.vmx", "b", "", VM_POWER_OFF);
    add(&list, "c/c.vmx", "Zürich", "", VM_POWER_ON);
    add(&list, "d/d.vmx", "d", "7", VM_POWER_ON);
    list.vms[0].delay_s = 30;
    list.vms[3].answer = VM_ANSWER_NONE;
    held = (struct vm_held){&list.vms[2], "rack02 has it until 14:03"};
    restore = (struct vm_restore){.node = "rack01",
                                  .identity = "2a-00",
                                  .server = "http://10.77.0.1/agent/2a-00",
                                  .wish = 7,
                                  .interval_s = 60,
                                  .settings = &settings,
                                  .list = &list,
                                  .held_count = 1,
                                  .held = &held};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    vm_list_fini(&list);
    return 0;
}

static void for_the_agent(void **state)
{
    (void)state;
    struct buf out = BUF_INIT;
    struct error err;
    assert_int_equal(vm_restore_format(&restore, &out, &err), 0);
    assert_string_equal(buf_text(&out),
                        "bootherd|1\n"
                        "boot|2a-00|rack01\n"
                        "server|http://10.77.0.1/agent/2a-00\n"
                        "wish|7\n"
                        "interval|60\n"
                        "store|it's vms|nfs|nas|/srv/v ms|rw|write\n"
                        "store|fast|nfs41|10.0.0.1,10.0.0.2|/fast|rw|read\n"
                        "store|local|vmfs|||rw|read\n"
                        "store|lun|iscsi|10.0.0.5:3260|iqn.2001-04.com.example:disk1|rw|read\n"
                        "store|six|nfs|fd00::1|/six|ro|read\n"
                        "vm|it's vms|web [1]/web $HOME.vmx|web%7C1%0A100%25|on|30|moved|42 1d\n"
                        "vm|it's vms|b.vmx|b|off|0|moved|\n"
                        "held|it's vms|c/c.vmx|Zürich|rack02 has it until 14:03\n"
                        "vm|it's vms|d/d.vmx|d|on|0|none|7\n"
                        "end|14\n");
    buf_fini(&out);
}

/* The commands alone, as the JSON has them, a line each. */
static void commands_are(enum vm_host_kind kind, const char *expected)
{
    struct buf out = BUF_INIT, commands = BUF_INIT;
    struct error err;
    restore.kind = kind;
    assert_int_equal(vm_restore_json(&restore, &out, &err), 0);
    json_auto_t *steps = json_loads(buf_text(&out), 0, NULL);
    assert_non_null(steps);
    for (size_t i = 0; i < json_array_size(steps); i++) {
        const char *command = json_string_value(json_object_get(json_array_get(steps, i), "command"));
        if (command)
            buf_format(&commands, "%s\n", command);
    }
    assert_string_equal(buf_text(&commands), expected);
    buf_fini(&commands);
    buf_fini(&out);
}

#define ESXI_MACHINES                                                                                        \
    "vim-cmd solo/registervm '/vmfs/volumes/it'\\''s vms/web [1]/web $HOME.vmx'\n"                           \
    "vim-cmd solo/registervm '/vmfs/volumes/it'\\''s vms/b.vmx'\n"                                           \
    "vim-cmd solo/registervm '/vmfs/volumes/it'\\''s vms/d/d.vmx'\n"                                         \
    "vim-cmd vmsvc/power.on VMID\n"                                                                          \
    "vim-cmd vmsvc/message VMID QUESTION CHOICE\n"                                                           \
    "vim-cmd vmsvc/power.on VMID\n"

/* As agents/esxi4.sh runs them. */
static void on_esxi_4(void **state)
{
    (void)state;
    commands_are(VM_HOST_ESXI4, "esxcfg-nas -a 'it'\\''s vms' -o nas -s '/srv/v ms'\n"
                                "esxcfg-swiscsi -e; vmkiscsi-tool -D -a 10.0.0.5 VMHBA; esxcfg-rescan VMHBA\n"
                                "esxcfg-nas -a six -o fd00::1 -s /six -y\n" ESXI_MACHINES);
}

/* As agents/esxi5.sh runs them. */
static void on_esxi_5(void **state)
{
    (void)state;
    commands_are(VM_HOST_ESXI5,
                 "esxcli storage nfs add --host=nas --share='/srv/v ms' --volume-name='it'\\''s vms'\n"
                 "esxcli storage nfs41 add --hosts=10.0.0.1,10.0.0.2 --share=/fast --volume-name=fast\n"
                 "esxcli iscsi software set --enabled=true; esxcli iscsi adapter discovery statictarget add "
                 "--adapter=VMHBA --address=10.0.0.5:3260 --name=iqn.2001-04.com.example:disk1; "
                 "esxcli storage core adapter rescan --adapter=VMHBA\n"
                 "esxcli storage nfs add --host=fd00::1 --share=/six --volume-name=six "
                 "--readonly\n" ESXI_MACHINES);
}

#define LINUX_MOUNTS                                                                                         \
    "mount.nfs 'nas:/srv/v ms' '/datastores/it'\\''s vms' -o rw,hard,vers=3\n"                               \
    "mount.nfs 10.0.0.1:/fast /datastores/fast -o rw,hard,vers=4.1\n"                                        \
    "iscsistart -i INITIATOR -t iqn.2001-04.com.example:disk1 -g 1 -a ADDRESS -p PORT; "                     \
    "mount -o rw \"$(findfs LABEL=lun)\" /datastores/lun\n"                                                  \
    "mount.nfs '[fd00::1]:/six' /datastores/six -o ro,hard,vers=3\n"

/* As agents/linux.sh and those of the machines run them. */
static void on_linux(void **state)
{
    (void)state;
    commands_are(VM_HOST_XL, LINUX_MOUNTS
                 "cd '/datastores/it'\\''s vms/web [1]' && xl create '/datastores/it'\\''s vms/web [1]/web "
                 "$HOME.vmx'\n"
                 "cd '/datastores/it'\\''s vms/d' && xl create '/datastores/it'\\''s vms/d/d.vmx'\n");
    commands_are(VM_HOST_VIRSH,
                 LINUX_MOUNTS "virsh -q define '/datastores/it'\\''s vms/web [1]/web $HOME.vmx'\n"
                              "virsh -q define '/datastores/it'\\''s vms/b.vmx'\n"
                              "virsh -q define '/datastores/it'\\''s vms/d/d.vmx'\n"
                              "virsh -q start --domain '42 1d'\n"
                              "virsh -q start --domain 7\n");
    list.vms[3].power = VM_POWER_OFF;
    commands_are(VM_HOST_QEMU, LINUX_MOUNTS
                 "cd '/datastores/it'\\''s vms/web [1]' && \"qemu-system-$(uname -m)\" -readconfig "
                 "'/datastores/it'\\''s vms/web [1]/web $HOME.vmx' -nodefaults -no-user-config -display none "
                 "-daemonize\n");
    list.vms[3].power = VM_POWER_ON;
}

static void in_words(void **state)
{
    (void)state;
    struct buf out = BUF_INIT;
    struct error err;
    restore.kind = VM_HOST_ESXI4;
    assert_int_equal(vm_restore_explain(&restore, &out, &err), 0);
    assert_string_equal(
        buf_text(&out),
        "mount it's vms (nas:/srv/v ms, NFS 3, counts when a write works)  esxcfg-nas -a 'it'\\''s vms' -o "
        "nas "
        "-s '/srv/v ms'\n"
        "mount fast (10.0.0.1,10.0.0.2:/fast, NFS 4.1)                 this kind of host has no command for "
        "it\n"
        "mount local (VMFS)\n"
        "mount lun (10.0.0.5:3260/iqn.2001-04.com.example:disk1, iSCSI)  esxcfg-swiscsi -e; vmkiscsi-tool -D "
        "-a "
        "10.0.0.5 VMHBA; esxcfg-rescan VMHBA\n"
        "mount six (fd00::1:/six, NFS 3, read only)                    esxcfg-nas -a six -o fd00::1 -s /six "
        "-y\n"
        "register web|1?100% ([it's vms] web [1]/web $HOME.vmx)        vim-cmd solo/registervm "
        "'/vmfs/volumes/it'\\''s vms/web [1]/web $HOME.vmx'\n"
        "register b ([it's vms] b.vmx)                                 vim-cmd solo/registervm "
        "'/vmfs/volumes/it'\\''s vms/b.vmx'\n"
        "leave out Zürich ([it's vms] c/c.vmx)                        rack02 has it until 14:03\n"
        "register d ([it's vms] d/d.vmx)                               vim-cmd solo/registervm "
        "'/vmfs/volumes/it'\\''s vms/d/d.vmx'\n"
        "power on web|1?100% ([it's vms] web [1]/web $HOME.vmx)        vim-cmd vmsvc/power.on VMID\n"
        "if asked, answer \"moved\" for web|1?100% ([it's vms] web [1]/web $HOME.vmx)  vim-cmd vmsvc/message "
        "VMID QUESTION CHOICE\n"
        "wait 30 s\n"
        "leave off b ([it's vms] b.vmx)\n"
        "power on d ([it's vms] d/d.vmx)                               vim-cmd vmsvc/power.on VMID\n");
    buf_clear(&out);
    restore.kind = VM_HOST_UNKNOWN;
    assert_int_equal(vm_restore_explain(&restore, &out, &err), 0);
    assert_string_equal(buf_text(&out),
                        "mount it's vms (nas:/srv/v ms, NFS 3, counts when a write works)\n"
                        "mount fast (10.0.0.1,10.0.0.2:/fast, NFS 4.1)\n"
                        "mount local (VMFS)\n"
                        "mount lun (10.0.0.5:3260/iqn.2001-04.com.example:disk1, iSCSI)\n"
                        "mount six (fd00::1:/six, NFS 3, read only)\n"
                        "register web|1?100% ([it's vms] web [1]/web $HOME.vmx)\n"
                        "register b ([it's vms] b.vmx)\n"
                        "leave out Zürich ([it's vms] c/c.vmx)                        rack02 has "
                        "it until 14:03\n"
                        "register d ([it's vms] d/d.vmx)\n"
                        "power on web|1?100% ([it's vms] web [1]/web $HOME.vmx)\n"
                        "wait 30 s\n"
                        "leave off b ([it's vms] b.vmx)\n"
                        "power on d ([it's vms] d/d.vmx)\n");
    buf_clear(&out);
    restore.kind = VM_HOST_NONE;
    assert_int_equal(vm_restore_explain(&restore, &out, &err), -1);
    assert_string_equal(err.text, "the system of rack01 has no agent: it restores nothing");
    buf_fini(&out);
}

static void in_json(void **state)
{
    (void)state;
    struct buf out = BUF_INIT;
    struct error err;
    struct vm_list one = {0};
    struct fleet_settings none = {0};
    struct vm_restore r = {.node = "n", .kind = VM_HOST_QEMU, .settings = &none, .list = &one};
    add(&one, "a\xff.cfg", "a\xff", "", VM_POWER_OFF); /* no UTF-8 */
    assert_int_equal(vm_restore_json(&r, &out, &err), 0);
    assert_string_equal(buf_text(&out),
                        "[{\"step\":\"off\",\"label\":\"it's vms\",\"file\":\"a?.cfg\",\"name\":\"a?\"}]");
    buf_fini(&out);
    vm_list_fini(&one);
}

static void volumes(void **state)
{
    (void)state;
    static const struct {
        const char *label, *volume;
    } good[] = {
        {"it's vms", "nfs://nas/srv/v ms"},
        {"fast", "nfs://10.0.0.1/fast"}, /* of several hosts of one server the first */
        {"local", "vmfs://rack01/local"},
        {"lun", "iscsi://iqn.2001-04.com.example:disk1/lun"},
        {"datastore1", "local://rack01/datastore1"},
    };
    char out[VOLUME_MAX], label[VOLUME_MAX];
    struct error err;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(volume_of(&settings, "rack01", good[i].label, out, &err), 0);
        assert_string_equal(out, good[i].volume);
    }
    memset(label, 'x', sizeof label);
    label[sizeof label - 1] = 0;
    assert_int_equal(volume_of(&settings, "rack01", label, out, &err), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(for_the_agent), cmocka_unit_test(on_esxi_4), cmocka_unit_test(on_esxi_5),
        cmocka_unit_test(on_linux),      cmocka_unit_test(in_words),  cmocka_unit_test(in_json),
        cmocka_unit_test(volumes),
    };
    return cmocka_run_group_tests_name("inventory/restore", tests, setup, teardown);
}
